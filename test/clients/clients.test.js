// The clients of docs/clients.md do the same job: each has the functions of the page, and all have to pass these tests.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CamelCasePlugin, sql } from "kysely";
import pg from "pg";
import { blocks, folder, writeFileOf } from "./page.js";
import { asAdmin, createDatabase, dropDatabase } from "./shop.js";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const phone = "+4915123456789";

/** A program of npm's packages. No engine of Prisma's is fetched: `generate` only asks for a file that is there. */
const tool = (path, ...options) =>
  run(process.execPath, [`node_modules/${path}`, ...options], {
    cwd: here,
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" },
  });

async function generatePrisma() {
  const schema = await writeFileOf("Prisma", "prisma", "prisma/schema.prisma");
  await tool("prisma/build/index.js", "generate", "--schema", fileURLToPath(schema));
}

const open = (name, language, close, prepare) => async () => {
  await prepare?.();
  if (language === "ts") await writeFileOf("Drizzle", "ts", "customer.ts", name);
  const shop = await import((await writeFileOf(name, language, `shop.${language}`)).href);
  return { ...shop, close: () => close(shop.db) };
};

async function openPython() {
  const module = await writeFileOf("Python", "python", "shop.py");
  const child = spawn("/usr/bin/python3", ["call.py", fileURLToPath(module)], { cwd: here, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const call = (name) => async (...values) => {
    child.stdin.write(`${JSON.stringify([name, values])}\n`);
    const { value: line } = await lines.next();
    assert.ok(line, "the program has ended");
    const { value, error } = JSON.parse(line);
    if (error) throw error;
    return value;
  };
  return {
    signUp: call("sign_up"),
    placeOrder: call("place_order"),
    findCustomers: call("find_customers"),
    writeNote: call("write_note"),
    problem: (error) => error,
    async close() {
      child.stdin.end();
      await once(child, "close");
    },
  };
}

const clients = {
  "node-postgres": open("node-postgres", "js", (db) => db.end()),
  Drizzle: open("Drizzle", "ts", (db) => db.$client.end()),
  Kysely: open("Kysely", "ts", (db) => db.destroy()),
  Prisma: open("Prisma", "ts", (db) => db.$disconnect(), generatePrisma),
  Python: openPython,
};

const customerOf = (row) => row.customer_id ?? row.customerId;

/** What the page's problem() makes of the error. */
async function refused(shop, promise) {
  try {
    await promise;
  } catch (error) {
    return shop.problem(error);
  }
  return assert.fail("nothing was refused");
}

const behaviours = {
  async sign_up_links_the_user(shop, rows) {
    const user = await shop.signUp("Mara Weber", "0151 23456789");
    assert.deepEqual(await rows("SELECT id, phone, preferred_name FROM customers"), [
      { id: customerOf(user), phone, preferred_name: "Mara Weber" },
    ]);
    assert.deepEqual(await rows("SELECT id, customer_id FROM users"), [{ id: user.id, customer_id: customerOf(user) }]);
  },

  async guest_order_with_another_spelling_is_the_same_customers(shop, rows) {
    const user = await shop.signUp("Mara Weber", "0151 23456789");
    const order = await shop.placeOrder("+49 (0)151 / 234 567 89", "25.50");
    assert.ok(customerOf(order));
    assert.equal(customerOf(order), customerOf(user));
    assert.deepEqual(await rows("SELECT id, total_orders, total_spent FROM customers"), [
      { id: customerOf(order), total_orders: 1, total_spent: "25.50" },
    ]);
  },

  async cash_on_delivery_is_refused_until_the_phone_is_proved(shop, rows) {
    const { code, detail, hint } = await refused(shop, shop.placeOrder("0151 23456789", "20", "cash"));
    assert.equal(code, "CI002");
    assert.match(detail, /^Nobody has proved the phone/);
    assert.match(hint, /start_verification\(\)/);
    assert.deepEqual(await rows("SELECT id FROM orders"), []);
    await rows("SELECT customer_identity.record_proof('0151 23456789', method => 'sms')");
    assert.ok(customerOf(await shop.placeOrder("0151 23456789", "20", "cash")));
  },

  async page_of_customers_holds_those_that_are_searched_for(shop, rows) {
    const order = await shop.placeOrder("0151 23456789", "25.50");
    await shop.placeOrder("0171 2345678", "30");
    await shop.signUp("without an order", "0151 23400000");
    const page = await shop.findCustomers("0151/234");
    const [{ updated_at }] = await rows("SELECT to_jsonb(updated_at) AS updated_at FROM customers WHERE phone = $1", [phone]);
    assert.deepEqual(
      page.items.map((item) => [item.id, item.phone, item.total_spent, item.updated_at]),
      [[customerOf(order), phone, 25.5, updated_at]],
    );
    assert.equal(page.next, null);
  },

  async note_is_refused_when_somebody_else_has_edited_the_customer(shop, rows) {
    await shop.placeOrder("0151 23456789", "25.50");
    await rows("UPDATE customers SET updated_at = '2026-01-02 03:04:05.123456+00'");
    const { items: [read] } = await shop.findCustomers("0151 23456789");
    const milliseconds = { ...read, updated_at: new Date(read.updated_at) };
    assert.equal((await refused(shop, shop.writeNote(milliseconds, "rings never", "admin"))).code, "CI004");
    assert.equal((await shop.writeNote(read, "rings twice", "admin")).notes, "rings twice");
    assert.equal((await refused(shop, shop.writeNote(read, "rings once", "admin"))).code, "CI004");
    assert.deepEqual(await rows("SELECT notes, (SELECT array_agg(actor) FROM customer_events WHERE event = 'edited') AS actors FROM customers"), [
      { notes: "rings twice", actors: ["admin"] },
    ]);
  },
};

const pythonRemarks = `
import decimal, functools, json, psycopg, shop
from psycopg.types.json import set_json_loads

spent = lambda: shop.find_customers("0151 23456789")["items"][0]["total_spent"]
assert type(spent()) is float
set_json_loads(functools.partial(json.loads, parse_float=decimal.Decimal))
assert str(spent()) == "25.50"
try:
    shop.db.execute("SELECT customer_identity.list_customers(filters => %s)", [{"min_orders": 1}])
except psycopg.ProgrammingError as error:
    assert "dict" in str(error)
else:
    raise AssertionError("a dict was taken")
`;

/** What the page says of one client alone. */
const remarks = {
  "node-postgres": {
    async bigint_and_numeric_are_strings(shop) {
      const order = await shop.placeOrder("0151 23456789", "25.50");
      assert.deepEqual([typeof order.id, order.total], ["string", "25.50"]);
    },
  },
  Drizzle: {
    async message_of_an_error_repeats_the_phone(shop) {
      await assert.rejects(shop.placeOrder("0151 23456789", "20", "cash"), /0151 23456789/);
    },
  },
  Kysely: {
    async camel_case_plugin_renames_keys_inside_jsonb(shop) {
      const keys = async (options) => {
        const db = shop.db.withPlugin(new CamelCasePlugin(options));
        const { rows } = await sql`SELECT customer_identity.list_customers() AS page`.execute(db);
        return Object.keys(rows[0].page.items[0]);
      };
      await shop.placeOrder("0151 23456789", "25.50");
      assert.ok((await keys()).includes("totalSpent"));
      assert.ok((await keys({ maintainNestedObjectKeys: true })).includes("total_spent"));
    },
    async fn_calls_a_function_by_place(shop) {
      const query = shop.db.selectNoFrom((eb) => eb.fn("customer_identity.normalize_phone", [eb.val("0151/23456789")]).as("phone"));
      assert.deepEqual(await query.execute(), [{ phone }]);
    },
  },
  Prisma: {
    async code_of_an_error_is_prismas_own(shop) {
      await assert.rejects(shop.placeOrder("0151 23456789", "20", "cash"), { code: "P2039" });
      await assert.rejects(shop.writeNote({ id: crypto.randomUUID(), updated_at: "2026-01-02" }, "", ""), { code: "P2010" });
    },
  },
  Python: {
    async dict_needs_jsonb_and_amounts_are_floats_unless_told(shop) {
      await shop.placeOrder("0151 23456789", "25.50");
      await run("/usr/bin/python3", ["-c", pythonRemarks], { cwd: new URL("python/", folder) });
    },
  },
};

describe("docs/clients.md", () => {
  before(async () => {
    await createDatabase("shop");
    const setUp = new pg.Client({ database: "shop" });
    await setUp.connect();
    await setUp.query(blocks("The shop", "sql")[0]);
    await setUp.end();
  });
  after(async () => {
    await dropDatabase("shop");
    await asAdmin("DROP ROLE backend");
  });

  for (const [client, openClient] of Object.entries(clients)) {
    describe(client, () => {
      const database = `clients_${client.toLowerCase().replaceAll("-", "_")}`;
      let admin, shop;

      before(async () => {
        await createDatabase(database, "shop");
        admin = new pg.Pool({ database });
        process.env.DATABASE_URL = `postgres:///${database}?host=${encodeURIComponent(process.env.PGHOST)}&user=backend`;
        shop = await openClient();
      });
      after(async () => {
        await shop?.close();
        await admin?.end();
        await dropDatabase(database);
      });

      const rows = async (text, values) => (await admin.query(text, values)).rows;
      for (const [behaviour, check] of Object.entries({ ...behaviours, ...remarks[client] })) {
        test(behaviour, async () => {
          await rows("TRUNCATE users, orders, customers CASCADE");
          await check(shop, rows);
          assert.deepEqual(await rows("SELECT * FROM customer_identity.verify_totals()"), []);
        });
      }
    });
  }

  test("programs_have_the_types_that_they_name", async () => {
    const files = ["drizzle", "kysely", "prisma"].map((client) => fileURLToPath(new URL(`${client}/shop.ts`, folder)));
    const options = "--noEmit --strict --noUncheckedIndexedAccess --noUnusedLocals --skipLibCheck --allowImportingTsExtensions --module nodenext --target es2022 --types node";
    await tool("typescript/bin/tsc", ...options.split(" "), ...files).catch(({ stdout }) => assert.fail(stdout));
  });
});
