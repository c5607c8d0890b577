// A shop with made-up data on an empty server, which PGHOST and PGPORT name: `make shop` and the tests use it.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Client } from "pg";
import type { Email } from "../infrastructure/auth.js";
import { migrateDatabase } from "../infrastructure/migrations.js";
import { serve } from "../serve.js";
import { type SmsMessage, startSmsProvider } from "./sms-provider.js";

export const administrator = {
  name: "Robin Admin",
  email: "admin@shop.example",
  password: "open the back office",
};

const file = (name: string) => readFile(new URL(`../../dev/${name}`, import.meta.url), "utf8");

const databaseUrl = (role: string, database: string) =>
  `postgresql://${role}@${encodeURIComponent(process.env.PGHOST ?? "")}:${process.env.PGPORT ?? 5432}/${database}`;

/** Runs statements one by one: some cannot be part of a transaction. */
async function run(url: string, statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

interface Options {
  port: number;
  onSms: (message: SmsMessage) => void;
  onEmail: (email: Email) => void;
}

export async function startShop({ port, onSms, onEmail }: Options) {
  const superuser = process.env.PGUSER ?? "postgres";
  const provider = await startSmsProvider(onSms);
  await run(databaseUrl(superuser, "postgres"), [
    await file("roles.sql"),
    "CREATE DATABASE shop OWNER shop_owner",
    "ALTER DATABASE shop SET customer_identity.default_region = 'DE'",
    // Everybody here comes from one address.
    "ALTER DATABASE shop SET customer_identity.sms_limit_per_address = 0",
    `ALTER SYSTEM SET customer_identity.twilio_base_url = '${provider.url}'`,
    "ALTER SYSTEM SET customer_identity.twilio_account_sid = 'AC00000000000000000000000000000000'",
    "ALTER SYSTEM SET customer_identity.twilio_auth_token = 'a token that is none'",
    "ALTER SYSTEM SET customer_identity.twilio_sender = '+4915799999999'",
    "SELECT pg_reload_conf()",
  ]);
  await migrateDatabase(databaseUrl("shop_owner", "shop"));
  await run(databaseUrl("shop_owner", "shop"), [await file("seed.sql")]);
  await run(databaseUrl(superuser, "shop"), ["SELECT customer_identity.start_sms_worker()"]);

  const shop = await serve({
    shopDatabase: databaseUrl("shop_app", "shop"),
    adminDatabase: databaseUrl("shop_admin", "shop"),
    secret: randomBytes(32).toString("base64url"),
    port,
    sendEmail: onEmail,
  });
  await signUpAdministrator(shop.url);
  return {
    url: shop.url,
    smsUrl: provider.url,
    messages: provider.messages,
    close: async () => {
      await shop.close();
      provider.close();
    },
  };
}

async function signUpAdministrator(url: string): Promise<void> {
  const response = await fetch(`${url}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: url },
    body: JSON.stringify(administrator),
  });
  if (!response.ok) throw new Error(`no administrator: ${await response.text()}`);
  await run(databaseUrl("shop_owner", "shop"), [
    `UPDATE "user" SET role = 'admin', email_verified = true WHERE email = '${administrator.email}'`,
  ]);
}
