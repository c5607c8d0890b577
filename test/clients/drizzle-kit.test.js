// The guide's schema.ts says what is in the database: drizzle-kit finds nothing to change after
// attaching, and a book that drizzle-kit made is the one that create_tables() makes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { before, describe, test } from "node:test";
import pg from "pg";
import { getTableName } from "drizzle-orm";
import { pgTable, text } from "drizzle-orm/pg-core";
import { guideSql, schemaFor, tablesOfBook } from "./guide.js";
import { firstMigration, planPush, push } from "./push.js";
import { asAdmin, createDatabase, dropDatabase } from "./shop.js";

async function inDatabase(name, body) {
  await createDatabase(name);
  const pool = new pg.Pool({ database: name });
  try {
    await body(pool);
  } finally {
    await pool.end();
    await dropDatabase(name);
  }
}

async function assertNothingToPush(pool, schema) {
  assert.deepEqual((await planPush(pool, schema)).statementsToExecute, []);
}

/** Every constraint, index and trigger of schema public, and every column, as SQL. */
async function definitions(pool) {
  const { rows } = await pool.query(`
    SELECT format('%s: %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS definition
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s.%s %s %s %s %s', table_name, column_name, data_type, character_maximum_length, is_nullable,
                  coalesce(identity_generation, column_default))
      FROM information_schema.columns WHERE table_schema = 'public'
    ORDER BY 1`);
  // Of a numeric column drizzle-kit knows the default 0 as '0' only.
  return rows.map((row) => row.definition.replace("'0'::numeric", "0"));
}

/** Names only what differs, not some hundred definitions. */
function assertSame(actual, expected) {
  assert.deepEqual(
    {
      unexpected: actual.filter((line) => !expected.includes(line)),
      missing: expected.filter((line) => !actual.includes(line)),
    },
    { unexpected: [], missing: [] },
  );
}

/** Runs the command-line tool on a schema file below build/, as the owner of the database, and returns what it said. */
function runDrizzleKit(command, { folder, schema = "schema.ts", user = process.env.PGUSER }, ...options) {
  const config = `build/${folder}/drizzle.config.ts`;
  writeFileSync(
    inBuild(folder, "drizzle.config.ts"),
    `export default ${JSON.stringify({
      dialect: "postgresql",
      schema: `./build/${folder}/${schema}`,
      out: `./build/${folder}/drizzle`,
      dbCredentials: {
        host: process.env.PGHOST,
        port: Number(process.env.PGPORT ?? 5432),
        user,
        database: "clients_push",
        ssl: false,
      },
    })};\n`,
  );
  const bin = fileURLToPath(new URL("node_modules/drizzle-kit/bin.cjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, command, `--config=${config}`, ...options], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout + stderr, /^error:/m);
  return stdout + stderr;
}

function inBuild(...path) {
  return fileURLToPath(new URL(`build/${path.join("/")}`, import.meta.url));
}

/** An empty database of the role that the README advertises: its owner, no superuser. */
async function inDatabaseOfOwner(body) {
  await asAdmin("DROP DATABASE IF EXISTS clients_push");
  await asAdmin("DROP ROLE IF EXISTS clients_owner");
  await asAdmin("CREATE ROLE clients_owner LOGIN");
  await asAdmin("CREATE DATABASE clients_push OWNER clients_owner");
  await asAdmin("ALTER DATABASE clients_push SET customer_identity.default_region = 'DE'");
  const pool = new pg.Pool({ database: "clients_push", user: "clients_owner" });
  try {
    await body(pool);
  } finally {
    await pool.end();
    await dropDatabase("clients_push");
    await asAdmin("DROP ROLE clients_owner");
  }
}

/** A sign-up, an order and a proof reach the book, which finds nothing wrong with itself. */
async function assertBookWorks(pool) {
  const { rows: [user] } = await pool.query(`
    INSERT INTO "user" (id, name, email, phone)
    VALUES ('00000000-0000-0000-0000-000000000001', 'Mara', 'mara@shop.test', '0151 23456789')
    RETURNING id, customer_id`);
  await pool.query("INSERT INTO orders (user_id, total, status) VALUES ($1, 40, 'paid')", [user.id]);
  await pool.query("SELECT customer_identity.record_proof('0151 23456789', $1)", [user.id]);
  const { rows } = await pool.query("SELECT id, phone, total_spent, is_phone_verified FROM customers");
  assert.deepEqual(rows, [{ id: user.customer_id, phone: "+4915123456789", total_spent: "40.00", is_phone_verified: true }]);
  const { rows: events } = await pool.query("SELECT event FROM customer_events ORDER BY event");
  assert.deepEqual(events.map(({ event }) => event), ["created", "proof_made", "user_linked"]);
  assert.deepEqual((await pool.query("SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'")).rows, []);
}

for (const ids of ["text", "uuid"]) {
  describe(`schema.ts, ${ids} ids`, () => {
    let schema;
    before(async () => {
      schema = await schemaFor(ids);
    });

    test("push_finds_no_change_after_attaching_to_a_shop_that_had_no_customers", () =>
      inDatabase("clients_push", async (pool) => {
        await push(pool, schema);
        await pool.query(`
          ALTER TABLE "user" DROP COLUMN customer_id;
          ALTER TABLE orders DROP COLUMN customer_id;
          DROP TABLE duplicate_dismissals, customer_merges, phone_rules, customer_phones, customer_events, loyalty_entries, phone_proofs, customers`);
        await pool.query(guideSql("The book"));
        await pool.query(guideSql("Attach, Drizzle"));
        await assertNothingToPush(pool, schema);

        assert.match(runDrizzleKit("push", { folder: ids }), /No changes detected/);
      }));

    test("push_between_book_and_attaching_makes_only_what_is_missing", () =>
      inDatabase("clients_push", async (pool) => {
        await pool.query(guideSql("The book"));
        const { statementsToExecute } = await planPush(pool, schema);
        assert.ok(statementsToExecute.length > 0);
        assert.deepEqual(
          statementsToExecute.filter((line) => tablesOfBook().some((name) => line.includes(`TABLE "${getTableName(schema[name])}"`))),
          [],
        );
        await push(pool, schema);
        await pool.query(guideSql("Attach, Drizzle"));
        await assertNothingToPush(pool, schema);
      }));

    test("book_of_a_generated_migration_is_the_one_that_create_tables_makes", async () => {
      let expected;
      await inDatabase("clients_push", async (pool) => {
        await pool.query(guideSql("The book"));
        await push(pool, schema);
        await pool.query(guideSql("Attach, Drizzle"));
        expected = await definitions(pool);
      });
      await inDatabase("clients_push", async (pool) => {
        await pool.query(await firstMigration(schema));
        await pool.query(guideSql("The book"));
        await pool.query(guideSql("Attach, Drizzle"));
        assertSame(await definitions(pool), expected);
        await assertNothingToPush(pool, schema);
      });
    });

    test("search_indexes_stay_where_the_schema_declares_them", () =>
      inDatabase("clients_push", async (pool) => {
        const declared = await schemaFor(ids, `${ids}-search`);
        await pool.query("CREATE EXTENSION pg_trgm");
        await push(pool, schema);
        await pool.query(guideSql("The book"));
        await pool.query(guideSql("Attach, Drizzle"));
        await pool.query("SELECT customer_identity.create_search_indexes()");
        const expected = await definitions(pool);
        await assertNothingToPush(pool, declared);
        assert.equal((await planPush(pool, schema)).statementsToExecute.length, 3);
        await push(pool, schema);
        await push(pool, declared);
        assertSame(await definitions(pool), expected);
      }));

    test("push_by_the_guide_leaves_all_of_ours_alone_and_so_does_push_of_a_pulled_schema", () =>
      inDatabaseOfOwner(async (pool) => {
        const at = { folder: ids, user: "clients_owner" };
        await pool.query(guideSql("The book"));
        runDrizzleKit("push", at);
        await pool.query(guideSql("Attach, Drizzle"));
        const expected = await definitions(pool);
        assert.match(runDrizzleKit("push", at), /No changes detected/);

        rmSync(inBuild(ids, "drizzle"), { recursive: true, force: true });
        runDrizzleKit("pull", at);
        assert.match(runDrizzleKit("push", { ...at, schema: "drizzle/schema.ts" }), /No changes detected/);
        assertSame(await definitions(pool), expected);
        await assertBookWorks(pool);
      }));

    test("generate_and_migrate_by_the_guide_make_the_book_that_push_leaves_alone", () =>
      inDatabaseOfOwner(async (pool) => {
        const at = { folder: ids, user: "clients_owner" };
        const migrations = inBuild(ids, "drizzle");
        rmSync(migrations, { recursive: true, force: true });
        runDrizzleKit("generate", at);
        runDrizzleKit("generate", at, "--custom", "--name=customer_identity");
        const [custom] = readdirSync(migrations).filter((file) => file.endsWith("_customer_identity.sql"));
        writeFileSync(`${migrations}/${custom}`, guideSql("The book") + guideSql("Attach, Drizzle"));
        runDrizzleKit("migrate", at);
        const expected = await definitions(pool);
        runDrizzleKit("migrate", at);
        assert.match(runDrizzleKit("push", at), /No changes detected/);
        assert.match(runDrizzleKit("generate", at), /No schema changes/);
        assertSame(await definitions(pool), expected);
        await assertBookWorks(pool);
      }));

    test("what_the_guide_names_for_tables_that_exist_is_all_of_the_book", () =>
      inDatabase("clients_push", async (pool) => {
        await pool.query(guideSql("The book"));
        const { user, session, account, verification, orders } = schema;
        const named = Object.fromEntries(tablesOfBook().map((name) => [name, schema[name]]));
        const own = { user, session, account, verification, orders, ...named };
        await push(pool, own);
        await pool.query(guideSql("Attach, Drizzle"));
        await assertNothingToPush(pool, own);
        await assertBookWorks(pool);
      }));

    test("push_would_drop_what_a_schema_does_not_declare", () =>
      inDatabase("clients_push", async (pool) => {
        await push(pool, schema);
        await pool.query(guideSql("The book"));
        await pool.query(guideSql("Attach, Drizzle"));
        const { user, ...others } = schema;
        const forgetful = pgTable("user", { id: text("id").primaryKey() });
        const plan = await planPush(pool, { ...others, user: forgetful });
        assert.ok(plan.statementsToExecute.some((line) => /DROP COLUMN "customer_id"/.test(line)));
      }));
  });
}

// drizzle-kit reads the columns of a constraint in whatever order the server returns them, which differs between majors.
test("no_constraint_of_the_book_has_two_columns", () =>
  inDatabase("clients_push", async (pool) => {
    await pool.query(guideSql("The book"));
    const { rows } = await pool.query(`
      SELECT conname FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype IN ('u', 'p', 'f') AND cardinality(conkey) > 1`);
    assert.deepEqual(rows, []);
  }));
