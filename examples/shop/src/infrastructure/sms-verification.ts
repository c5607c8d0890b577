// Verification by the functions of customer_identity. Each call is a statement and so a transaction of
// its own: what it counts stays counted, whatever becomes of the request.
import { sql } from "drizzle-orm";
import type {
  CheckedVerification,
  PhoneVerification,
  StartedVerification,
} from "../domain/phone-verification.js";
import { type Database, rows } from "./db.js";

export class SmsVerification implements PhoneVerification {
  constructor(private readonly db: Database) {}

  async start(request: Parameters<PhoneVerification["start"]>[0]): Promise<StartedVerification> {
    const { phone, purpose, userId, clientAddress } = request;
    const [started] = await rows<StartedVerification>(
      this.db,
      sql`SELECT verification_id, status, phone, ceil(extract(epoch FROM retry_after))::integer AS retry_after
          FROM customer_identity.start_verification(
            ${phone}, ${purpose}, user_id => ${userId}, client_address => ${clientAddress})`,
    );
    return started!;
  }

  async check(verificationId: string, code: string): Promise<CheckedVerification> {
    const [checked] = await rows<CheckedVerification>(
      this.db,
      sql`SELECT status, attempts_left FROM customer_identity.check_verification(${verificationId}, ${code})`,
    );
    return checked!;
  }
}
