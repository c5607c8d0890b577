// Phones as customer_identity writes them: in groups, with the country code.
import { sql } from "drizzle-orm";
import type { Phones } from "../domain/phones.js";
import { type Database, rows } from "./db.js";

export class DatabasePhones implements Phones {
  constructor(private readonly db: Database) {}

  async written(phones: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = await rows<{ phone: string; written: string | null }>(
      this.db,
      sql`SELECT p.phone, customer_identity.format_phone(p.phone) AS written
          FROM unnest(${sql.param(phones)}::text[]) AS p (phone)`,
    );
    return new Map(found.flatMap(({ phone, written }) => (written ? [[phone, written]] : [])));
  }
}
