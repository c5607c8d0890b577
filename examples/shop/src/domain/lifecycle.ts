// What happens to a person over the years, as an administrator tells it: numbers change hands, two customers
// turn out to be one, one turns out to be two, and a person asks to be forgotten.
import type { Page } from "./page.js";
import type { CheckedVerification, StartedVerification } from "./phone-verification.js";

export interface MergePreview {
  tables: {
    table: string;
    column: string;
    rows: number;
    conflicts: { key: string; columns: string; rows: unknown; values: string[] | null; more: number }[];
  }[];
  fields: { column: string; winner: unknown; loser: unknown; result: unknown }[];
  phones: string[];
  points: number;
  /** Why it would be refused; null when it would not. */
  refused: string | null;
}

export interface Duplicate {
  a: string;
  b: string;
  score: number;
  reasons: unknown[];
}

export interface PhoneSuspect {
  phone: string;
  customer_id: string;
  users: number;
  guest_orders: number;
  names: number;
  why: string;
}

export interface Erasure {
  tables: { table: string; rows: number; what: string; columns?: string[] }[];
  refused?: string | null;
}

/** `nobody`: a placeholder; `shared`: a household. */
export type PhoneRule = "nobody" | "shared";

/** Who makes a change, and why. */
export interface Change {
  actor: string;
  reason: string;
}

/** CI006 when a change conflicts with another record, CI001 when a phone cannot be read, P0002 when there is no such customer. */
export interface Lifecycle {
  addPhone(id: string, phone: string, by: Change): Promise<string>;
  changePhone(id: string, phone: string, keepOld: boolean, by: Change): Promise<string>;
  /** Returns the new holder, if something went to one. */
  releasePhone(id: string, phone: string | null, since: string | null, by: Change): Promise<string | null>;
  setPhoneRule(phone: string, rule: PhoneRule | null, by: Change): Promise<void>;
  phoneSuspects(): Promise<PhoneSuspect[]>;
  /** The login, an id or an e-mail address, is the customer's from now on, or no longer. */
  linkLogin(id: string, login: string, isLinked: boolean, by: Change): Promise<void>;
  mergePreview(winner: string, loser: string): Promise<MergePreview>;
  merge(winner: string, loser: string, by: Change): Promise<number>;
  /** Returns the customer that is back. */
  unmerge(mergeId: number, by: Change): Promise<string>;
  /** Returns the new customer. */
  split(
    id: string,
    part: { userIds: string[]; orders: string[]; phone: string | null },
    by: Change,
  ): Promise<string>;
  duplicates(after?: string): Promise<Page<Duplicate>>;
  dismissDuplicate(a: string, b: string, by: Change): Promise<void>;
  /** The same key adjusts once. Returns the balance. */
  adjustPoints(id: string, points: number, key: string | null, by: Change): Promise<number>;
  setProof(id: string, phone: string, userId: string | null, isProved: boolean, by: Change): Promise<void>;
  sendCode(phone: string, userId: string | null): Promise<StartedVerification>;
  checkCode(verificationId: string, code: string): Promise<CheckedVerification>;
  confirmHolder(id: string, userId: string, by: Change): Promise<void>;
  export(id: string): Promise<Record<string, unknown>>;
  erasePreview(id: string): Promise<Erasure>;
  erase(id: string, deleteUsers: boolean, by: Change): Promise<Erasure>;
}
