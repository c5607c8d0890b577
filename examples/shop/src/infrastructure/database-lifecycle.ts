// A person's life: each method is one call, and so one transaction.
import { type SQL, sql } from "drizzle-orm";
import type {
  Change,
  Duplicate,
  Erasure,
  Lifecycle,
  MergePreview,
  PhoneRule,
  PhoneSuspect,
} from "../domain/lifecycle.js";
import type { Page } from "../domain/page.js";
import { type Database, rows, value } from "./db.js";
import { SmsVerification } from "./sms-verification.js";

const signed = ({ actor, reason }: Change) => sql`actor => ${actor}, reason => ${reason}`;

export class DatabaseLifecycle implements Lifecycle {
  private readonly verification: SmsVerification;

  constructor(private readonly db: Database) {
    this.verification = new SmsVerification(db);
  }

  /** What a function returns, a bigint as a number. */
  private call<Value>(call: SQL): Promise<Value> {
    return value(this.db, sql`SELECT to_jsonb(${call}) AS value`);
  }

  private async run(call: SQL): Promise<void> {
    await rows(this.db, sql`SELECT ${call}`);
  }

  addPhone(id: string, phone: string, by: Change): Promise<string> {
    return this.call(sql`customer_identity.add_phone(${id}, ${phone}, ${signed(by)})`);
  }

  changePhone(id: string, phone: string, keepOld: boolean, by: Change): Promise<string> {
    return this.call(
      sql`customer_identity.change_phone(${id}, ${phone}, keep_old => ${keepOld}, ${signed(by)})`,
    );
  }

  releasePhone(id: string, phone: string | null, since: string | null, by: Change) {
    return this.call<string | null>(
      sql`customer_identity.release_phone(${id}, ${phone}, ${since}, ${signed(by)})`,
    );
  }

  setPhoneRule(phone: string, rule: PhoneRule | null, by: Change): Promise<void> {
    return this.run(sql`customer_identity.set_phone_rule(${phone}, ${rule}, ${signed(by)})`);
  }

  phoneSuspects(): Promise<PhoneSuspect[]> {
    return value(
      this.db,
      sql`SELECT coalesce(jsonb_agg(s), '[]') AS value FROM customer_identity.phone_suspects() AS s`,
    );
  }

  linkLogin(id: string, login: string, isLinked: boolean, by: Change): Promise<void> {
    return this.run(sql`link_login(${id}, ${login}, ${isLinked}, ${signed(by)})`);
  }

  mergePreview(winner: string, loser: string): Promise<MergePreview> {
    return this.call(sql`customer_identity.merge_preview(${winner}, ${loser})`);
  }

  merge(winner: string, loser: string, by: Change): Promise<number> {
    return this.call(sql`customer_identity.merge_customers(${winner}, ${loser}, ${signed(by)})`);
  }

  unmerge(mergeId: number, by: Change): Promise<string> {
    return this.call(sql`customer_identity.unmerge_customers(${mergeId}, ${signed(by)})`);
  }

  split(
    id: string,
    { userIds, orders, phone }: { userIds: string[]; orders: string[]; phone: string | null },
    by: Change,
  ): Promise<string> {
    const placed = JSON.stringify(orders.length > 0 ? { "public.orders": orders } : {});
    return this.call(
      sql`customer_identity.split_customer(
            ${id}, ${sql.param(userIds)}::text[], ${placed}, ${phone}, ${signed(by)})`,
    );
  }

  duplicates(after?: string): Promise<Page<Duplicate>> {
    return this.call(
      sql`customer_identity.duplicate_customers(page_size => 20, after => ${after ?? null})`,
    );
  }

  dismissDuplicate(a: string, b: string, by: Change): Promise<void> {
    return this.run(sql`customer_identity.dismiss_duplicate(${a}, ${b}, ${signed(by)})`);
  }

  adjustPoints(id: string, points: number, key: string | null, by: Change): Promise<number> {
    return this.call(
      sql`adjust_points_of(${id}, ${points}, ${key}, ${signed(by)})`,
    );
  }

  setProof(id: string, phone: string, userId: string | null, isProved: boolean, by: Change) {
    return this.run(sql`set_proof(${id}, ${phone}, ${userId}, ${isProved}, ${signed(by)})`);
  }

  sendCode(phone: string, userId: string | null) {
    return this.verification.start({ phone, purpose: "checkout", userId, clientAddress: null });
  }

  checkCode(verificationId: string, code: string) {
    return this.verification.check(verificationId, code);
  }

  confirmHolder(id: string, userId: string, by: Change): Promise<void> {
    return this.run(sql`customer_identity.confirm_holder(${id}, ${userId}, ${signed(by)})`);
  }

  export(id: string): Promise<Record<string, unknown>> {
    return this.call(sql`customer_identity.export_customer(${id})`);
  }

  erasePreview(id: string): Promise<Erasure> {
    return this.call(sql`customer_identity.erase_preview(${id})`);
  }

  erase(id: string, deleteUsers: boolean, by: Change): Promise<Erasure> {
    return this.call(
      sql`customer_identity.erase_customer(${id}, ${deleteUsers}, ${signed(by)})`,
    );
  }
}
