// A shop as the guide sets it up: a database of its own with the extension, the tables that Better Auth
// asks for, and Better Auth in process. Requests enter it as HTTP requests and leave as HTTP responses.
import assert from "node:assert/strict";
import pg from "pg";
import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { getMigrations } from "better-auth/db/migration";
import { phoneNumber } from "better-auth/plugins";
import { drizzle } from "drizzle-orm/node-postgres";
import { guideSql, schemaFor } from "./guide.js";
import { push } from "./push.js";

const origin = "http://shop.test";

const columnNames = {
  "built-in": { phoneNumber: '"phoneNumber"', verified: '"phoneNumberVerified"', created: '"createdAt"' },
  drizzle: { phoneNumber: "phone_number", verified: "phone_number_verified", created: "created_at" },
};

export async function asAdmin(command) {
  const client = new pg.Client({ database: "postgres" });
  await client.connect();
  try {
    await client.query(command);
  } finally {
    await client.end();
  }
}

export async function createDatabase(name, template = "template1") {
  await dropDatabase(name);
  await asAdmin(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  // The setting belongs to a database, not to what is copied from a template.
  await asAdmin(`ALTER DATABASE ${name} SET customer_identity.default_region = 'DE'`);
}

export async function dropDatabase(name) {
  await asAdmin(`DROP DATABASE IF EXISTS ${name}`);
}

function authOptions({ adapter, ids, pool, schema, codes, transaction }) {
  const builtIn = adapter === "built-in";
  return {
    baseURL: origin,
    secret: "only-for-tests-0123456789abcdef0123456789",
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    // A 500 has an empty body: what was behind it goes to the test's log.
    logger: { level: "error", log: (_level, ...what) => console.error(...what) },
    database: builtIn ? pool : drizzleAdapter(drizzle(pool, { schema }), { provider: "pg", schema, transaction }),
    advanced: { database: { generateId: ids === "uuid" ? "uuid" : undefined } },
    emailAndPassword: { enabled: true },
    user: {
      deleteUser: { enabled: true },
      additionalFields: {
        phone: { type: "string", required: false },
        customerId: {
          type: "string",
          required: false,
          input: false,
          fieldName: builtIn ? "customer_id" : undefined,
        },
      },
    },
    plugins: [
      phoneNumber({
        sendOTP: ({ phoneNumber, code }) => void codes.set(phoneNumber, code),
        signUpOnVerification: {
          getTempEmail: (phone) => `${Buffer.from(phone).toString("hex")}@phone.shop.test`,
          getTempName: () => "New customer",
        },
      }),
    ],
  };
}

/** What `auth migrate` would do. */
export function planMigration(pool, ids) {
  return getMigrations(authOptions({ adapter: "built-in", ids, pool }));
}

/** Better Auth's own migration, as `auth migrate` runs it. */
export async function migrate(pool, ids) {
  await (await planMigration(pool, ids)).runMigrations();
}

/** Makes database `name` the way the guide says, ready to be a template of every scenario's database. */
export async function prepareShop({ name, adapter, ids }) {
  await createDatabase(name);
  const pool = new pg.Pool({ database: name });
  try {
    if (adapter === "built-in") {
      await pool.query(guideSql("The book"));
      await migrate(pool, ids);
      await pool.query(guideSql("Orders of your own").replace("user_id text", `user_id ${ids}`));
      await pool.query(guideSql("Attach, built-in adapter"));
    } else {
      await pool.query(guideSql("The book"));
      await push(pool, await schemaFor(ids));
      await pool.query(guideSql("Attach, Drizzle"));
    }
  } finally {
    await pool.end();
  }
}

export async function openShop({ template, existing, name, adapter, ids, transaction, role }) {
  if (!existing) await createDatabase(name, template);
  const db = new pg.Pool({ database: name, user: role, max: 10 });
  const codes = new Map();
  const schema = adapter === "drizzle" ? await schemaFor(ids) : undefined;
  const auth = betterAuth(authOptions({ adapter, ids, pool: db, schema, codes, transaction }));
  const column = columnNames[adapter];
  let emails = 0;

  const rows = async (text, values) => (await db.query(text, values)).rows;
  const one = async (text, values) => {
    const found = await rows(text, values);
    assert.equal(found.length, 1, `one row expected of: ${text}`);
    return found[0];
  };

  const shop = {
    auth,
    codes,
    db,
    rows,
    one,
    schema,
    phoneNumberColumn: column.phoneNumber,

    /** A browser: keeps its cookies, so that a request after sign-up is that user's. */
    browser() {
      const cookies = new Map();
      return {
        async post(path, body) {
          const response = await auth.handler(
            new Request(`${origin}/api/auth${path}`, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                origin,
                cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join("; "),
              },
              body: JSON.stringify(body),
            }),
          );
          for (const line of response.headers.getSetCookie()) {
            const [, key, value] = line.match(/^([^=]+)=([^;]*)/);
            cookies.set(key, value);
          }
          const text = await response.text();
          return { status: response.status, body: text ? JSON.parse(text) : undefined };
        },

        signUp(fields = {}) {
          emails += 1;
          const email = `buyer${emails}@shop.test`;
          return this.post("/sign-up/email", { email, name: `Buyer ${emails}`, password: "correct horse", ...fields });
        },

        async verifyPhone(phone, extra = {}) {
          const sent = await this.post("/phone-number/send-otp", { phoneNumber: phone });
          assert.equal(sent.status, 200);
          return this.post("/phone-number/verify", { phoneNumber: phone, code: codes.get(phone), ...extra });
        },
      };
    },

    users: () =>
      rows(`SELECT id::text, name, email, phone, ${column.phoneNumber} AS phone_number,
                   ${column.verified} AS verified, customer_id
            FROM "user" ORDER BY ${column.created}, email`),
    customers: () => rows("SELECT * FROM customers ORDER BY created_at, phone"),
    proofs: () => rows("SELECT phone, customer_id, user_id, method, ended_at FROM phone_proofs ORDER BY id"),
    problems: () => rows(`SELECT * FROM customer_identity.phone_problems('"user"')`),
    customerOf: async (phone) => (await one("SELECT customer_identity.find_customer($1) AS id", [phone])).id,
    canSee: async (user, customer) =>
      (await one("SELECT customer_identity.can_see_customer($1, $2) AS sees", [user, customer])).sees,
    order: (fields) => {
      const keys = Object.keys(fields);
      return one(
        `INSERT INTO orders (${keys.join(", ")}) VALUES (${keys.map((_, i) => `$${i + 1}`).join(", ")}) RETURNING *`,
        Object.values(fields),
      );
    },

    /** What must hold after any scenario. */
    async check() {
      assert.deepEqual(await rows("SELECT * FROM customer_identity.verify_totals()"), []);
      assert.deepEqual(await rows("SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'"), []);
    },

    async close() {
      await db.end();
      await dropDatabase(name);
    },
  };
  return shop;
}
