// Better Auth's tables, the shop's orders and the customer book, as docs/better-auth-drizzle/schema.ts has
// them; `user` has a role here, and `orders` what is delivered and where to.
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";
import type { OrderItem, Payment } from "../domain/order.js";

const id = () => text("id").primaryKey();
const userId = () => text("user_id");

const createdAt = () => timestamp("created_at", { withTimezone: true }).notNull().defaultNow();
const updatedAt = () => timestamp("updated_at", { withTimezone: true }).notNull().defaultNow();

export const customers = pgTable(
  "customers",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    phone: varchar("phone", { length: 20 }).unique("customers_phone_key"),
    preferredName: varchar("preferred_name", { length: 100 }),
    isPhoneVerified: boolean("is_phone_verified").notNull().default(false),
    totalOrders: integer("total_orders").notNull().default(0),
    totalSpent: numeric("total_spent").notNull().default("0"),
    loyaltyPoints: bigint("loyalty_points", { mode: "number" }).notNull().default(0),
    notes: text("notes"),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index("customers_created_at_id_idx").on(table.createdAt, table.id),
    index("customers_updated_at_id_idx").on(table.updatedAt, table.id),
    index("customers_preferred_name_id_idx").on(table.preferredName, table.id),
    check("customers_phone_check", sql.raw("(phone)::text ~ '^[+][1-9][0-9]{1,18}$'::text")),
  ],
);

export const user = pgTable(
  "user",
  {
    id: id(),
    name: text("name").notNull(),
    email: text("email").notNull().unique(),
    emailVerified: boolean("email_verified").notNull().default(false),
    image: text("image"),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    phoneNumber: text("phone_number").unique(),
    phoneNumberVerified: boolean("phone_number_verified"),
    phone: text("phone"),
    role: text("role").notNull().default("customer"),
    customerId: uuid("customer_id"),
  },
  (table) => [
    foreignKey({
      name: "user_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("set null"),
    index("user_customer_id_idx").on(table.customerId),
  ],
);

export const session = pgTable(
  "session",
  {
    id: id(),
    expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
    token: text("token").notNull().unique(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    ipAddress: text("ip_address"),
    userAgent: text("user_agent"),
    userId: userId()
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
  },
  (table) => [index("session_user_id_idx").on(table.userId)],
);

export const account = pgTable(
  "account",
  {
    id: id(),
    accountId: text("account_id").notNull(),
    providerId: text("provider_id").notNull(),
    userId: userId()
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    accessToken: text("access_token"),
    refreshToken: text("refresh_token"),
    idToken: text("id_token"),
    accessTokenExpiresAt: timestamp("access_token_expires_at", { withTimezone: true }),
    refreshTokenExpiresAt: timestamp("refresh_token_expires_at", { withTimezone: true }),
    scope: text("scope"),
    password: text("password"),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index("account_user_id_idx").on(table.userId)],
);

export const verification = pgTable(
  "verification",
  {
    id: id(),
    identifier: text("identifier").notNull(),
    value: text("value").notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index("verification_identifier_idx").on(table.identifier)],
);

export const orders = pgTable(
  "orders",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: userId().references(() => user.id, { onDelete: "set null" }),
    name: text("name").notNull(),
    phone: text("phone"),
    address: text("address").notNull(),
    items: jsonb("items").$type<OrderItem[]>().notNull(),
    total: numeric("total", { precision: 12, scale: 2 }).notNull(),
    status: text("status").notNull().default("pending"),
    payment: text("payment").$type<Payment>().notNull(),
    idempotencyKey: text("idempotency_key").unique("orders_idempotency_key_key"),
    createdAt: createdAt(),
    customerId: uuid("customer_id"),
  },
  (table) => [
    foreignKey({
      name: "orders_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("set null"),
    index("orders_customer_id_idx").on(table.customerId),
    index("orders_user_id_idx").on(table.userId),
  ],
);

export const phoneProofs = pgTable(
  "phone_proofs",
  {
    id: uuid("id").defaultRandom().primaryKey(),
    phone: varchar("phone", { length: 20 }).notNull(),
    customerId: uuid("customer_id").notNull(),
    userId: text("user_id"),
    method: text("method").notNull(),
    provedAt: timestamp("proved_at", { withTimezone: true }).notNull().defaultNow(),
    endedAt: timestamp("ended_at", { withTimezone: true }),
    endedReason: text("ended_reason"),
    unconfirmed: boolean("unconfirmed").notNull().default(false),
  },
  (table) => [
    foreignKey({
      name: "phone_proofs_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("cascade"),
    uniqueIndex("phone_proofs_live_key")
      .on(table.phone, table.userId)
      .where(sql`ended_at IS NULL`),
    uniqueIndex("phone_proofs_live_guest_key")
      .on(table.phone)
      .where(sql`ended_at IS NULL AND user_id IS NULL`),
    index("phone_proofs_customer_id_idx").on(table.customerId),
    index("phone_proofs_user_id_idx")
      .on(table.userId)
      .where(sql`ended_at IS NULL`),
  ],
);

export const loyaltyEntries = pgTable(
  "loyalty_entries",
  {
    id: uuid("id").defaultRandom().primaryKey(),
    customerId: uuid("customer_id").notNull(),
    points: bigint("points", { mode: "number" }).notNull(),
    reason: text("reason").notNull(),
    idempotencyKey: text("idempotency_key").unique("loyalty_entries_idempotency_key_key"),
    actor: text("actor"),
    createdAt: createdAt(),
  },
  (table) => [
    foreignKey({
      name: "loyalty_entries_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("cascade"),
    index("loyalty_entries_customer_id_idx").on(table.customerId),
  ],
);

export const customerEvents = pgTable(
  "customer_events",
  {
    id: uuid("id").defaultRandom().primaryKey(),
    customerId: uuid("customer_id").notNull(),
    event: text("event").notNull(),
    details: jsonb("details").notNull().default({}),
    actor: text("actor"),
    createdAt: createdAt(),
  },
  (table) => [
    foreignKey({
      name: "customer_events_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("cascade"),
    index("customer_events_customer_id_id_idx").on(table.customerId, table.id),
  ],
);

export const customerPhones = pgTable(
  "customer_phones",
  {
    id: uuid("id").defaultRandom().primaryKey(),
    customerId: uuid("customer_id").notNull(),
    phone: varchar("phone", { length: 20 }).notNull(),
    since: timestamp("since", { withTimezone: true }).notNull().defaultNow(),
    until: timestamp("until", { withTimezone: true }),
    reason: text("reason"),
    actor: text("actor"),
  },
  (table) => [
    foreignKey({
      name: "customer_phones_customer_id_fkey",
      columns: [table.customerId],
      foreignColumns: [customers.id],
    }).onDelete("cascade"),
    uniqueIndex("customer_phones_live_key")
      .on(table.phone)
      .where(sql`until IS NULL`),
    index("customer_phones_customer_id_idx").on(table.customerId),
  ],
);

export const phoneRules = pgTable(
  "phone_rules",
  {
    phone: varchar("phone", { length: 20 }).primaryKey(),
    rule: text("rule").notNull(),
    actor: text("actor"),
    reason: text("reason"),
    createdAt: createdAt(),
  },
  () => [check("phone_rules_rule_check", sql.raw("rule = ANY (ARRAY['nobody'::text, 'shared'::text])"))],
);

export const customerMerges = pgTable(
  "customer_merges",
  {
    id: bigint("id", { mode: "number" }).primaryKey(),
    winnerId: uuid("winner_id").notNull(),
    loserId: uuid("loser_id").notNull().unique("customer_merges_loser_id_key"),
    mergedAt: timestamp("merged_at", { withTimezone: true }).notNull().defaultNow(),
    actor: text("actor"),
    reason: text("reason"),
    record: jsonb("record").notNull(),
  },
  (table) => [index("customer_merges_winner_id_idx").on(table.winnerId)],
);

export const duplicateDismissals = pgTable(
  "duplicate_dismissals",
  {
    id: uuid("id").defaultRandom().primaryKey(),
    a: uuid("a").notNull(),
    b: uuid("b").notNull(),
    actor: text("actor"),
    reason: text("reason"),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex("duplicate_dismissals_a_b_key").on(table.a, table.b),
    check("duplicate_dismissals_check", sql.raw("a < b")),
  ],
);
