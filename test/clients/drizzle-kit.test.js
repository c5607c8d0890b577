// The guide's schema.ts says what is in the database: drizzle-kit finds nothing to change after
// attaching, and a book that drizzle-kit made is the one that create_tables() makes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { before, describe, test } from "node:test";
import pg from "pg";
import { pgTable, text } from "drizzle-orm/pg-core";
import { guideSql, schemaFor } from "./guide.js";
import { firstMigration, planPush, push } from "./push.js";
import { createDatabase, dropDatabase } from "./shop.js";

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

/** Every constraint and index of schema public, and every column, as SQL. */
async function definitions(pool) {
  const { rows } = await pool.query(`
    SELECT format('%s: %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS definition
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
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

function runDrizzleKit(command, database, ids) {
  const config = fileURLToPath(new URL(`build/${ids}/drizzle.config.ts`, import.meta.url));
  writeFileSync(
    config,
    `export default ${JSON.stringify({
      dialect: "postgresql",
      schema: `./build/${ids}/schema.ts`,
      dbCredentials: {
        host: process.env.PGHOST,
        port: Number(process.env.PGPORT ?? 5432),
        user: process.env.PGUSER,
        database,
        ssl: false,
      },
    })};\n`,
  );
  const bin = fileURLToPath(new URL("node_modules/drizzle-kit/bin.cjs", import.meta.url));
  return spawnSync(process.execPath, [bin, command, `--config=build/${ids}/drizzle.config.ts`], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
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
          DROP TABLE customer_events, loyalty_entries, phone_proofs, customers`);
        await pool.query(guideSql("The book"));
        await pool.query(guideSql("Attach, Drizzle"));
        await assertNothingToPush(pool, schema);

        const cli = runDrizzleKit("push", "clients_push", ids);
        assert.match(cli.stdout, /No changes detected/, cli.stdout + cli.stderr);
      }));

    test("push_between_book_and_attaching_makes_only_what_is_missing", () =>
      inDatabase("clients_push", async (pool) => {
        await pool.query(guideSql("The book"));
        const { statementsToExecute } = await planPush(pool, schema);
        assert.ok(statementsToExecute.length > 0);
        assert.deepEqual(
          statementsToExecute.filter((line) => /TABLE "(customers|phone_proofs|loyalty_entries|customer_events)"/.test(line)),
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
