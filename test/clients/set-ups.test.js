// Set-ups beside the usual one: a search_path without `public`, sign-ups inside a transaction, and the
// errors that an order endpoint has to tell apart.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { drizzle } from "drizzle-orm/node-postgres";
import { guideSql } from "./guide.js";
import { createDatabase, dropDatabase, migrate, openShop, planMigration, prepareShop } from "./shop.js";

const phone = "+4915123456789";

test("users_table_in_a_schema_of_its_own_without_public_on_the_path", async () => {
  const name = "clients_path";
  await createDatabase(name);
  const admin = new pg.Client({ database: name });
  await admin.connect();
  try {
    await admin.query(guideSql("The book"));
    await admin.query("CREATE SCHEMA auth");
    await admin.query("ALTER DATABASE clients_path SET search_path = auth");
    const pool = new pg.Pool({ database: name });
    await migrate(pool, "text");
    await pool.end();
    await admin.query(guideSql("Users in schema auth"));
  } finally {
    await admin.end();
  }

  const shop = await openShop({ existing: true, name, adapter: "built-in", ids: "text" });
  try {
    assert.equal((await shop.one("SHOW search_path")).search_path, "auth");
    const claimed = await shop.browser().signUp({ phone: "0151 23456789" });
    const proven = await shop.browser().verifyPhone("+4915123456789");
    assert.deepEqual([claimed.status, proven.status], [200, 200]);
    const customer = await shop.one("SELECT id, phone, is_phone_verified FROM public.customers");
    assert.deepEqual([customer.phone, customer.is_phone_verified], [phone, true]);
    assert.deepEqual((await shop.users()).map((user) => user.customer_id), [customer.id, customer.id]);
  } finally {
    await shop.close();
  }
});

for (const ids of ["text", "uuid"]) {
  test(`auth_migrate_finds_nothing_to_do_after_attaching_with_${ids}_ids`, async () => {
    const name = `clients_migrate_${ids}`;
    await prepareShop({ name, adapter: "built-in", ids });
    const pool = new pg.Pool({ database: name });
    try {
      const { toBeCreated, toBeAdded, toBeAddedIndexes, schemaProblems } = await planMigration(pool, ids);
      assert.deepEqual({ toBeCreated, toBeAdded, toBeAddedIndexes, schemaProblems }, {
        toBeCreated: [],
        toBeAdded: [],
        toBeAddedIndexes: [],
        schemaProblems: [],
      });
    } finally {
      await pool.end();
      await dropDatabase(name);
    }
  });
}

test("role_with_rights_on_its_own_tables_only_signs_up_and_orders", async () => {
  const name = "clients_role";
  await prepareShop({ name, adapter: "built-in", ids: "text" });
  const owner = new pg.Pool({ database: name });
  await owner.query(guideSql("The application's role"));
  const shop = await openShop({ existing: true, name, adapter: "built-in", ids: "text", role: "shop_app" });
  const recordProof = (userId) =>
    shop.db.query("SELECT customer_identity.record_proof($1, $2, 'sms')", [phone, userId]);
  try {
    const { status, body } = await shop.browser().signUp({ phone: "0151 23456789" });
    assert.equal(status, 200);
    assert.equal((await shop.browser().verifyPhone(phone)).status, 200);
    const order = await shop.order({ user_id: body.user.id, total: 5, status: "paid" });
    assert.equal(order.customer_id, body.user.customerId);
    await assert.rejects(shop.customers(), { code: "42501" });
    await assert.rejects(recordProof(body.user.id), { code: "42501" });
    await owner.query(guideSql("Grants for recording proofs"));
    await recordProof(body.user.id);
    assert.equal(await shop.canSee(body.user.id, body.user.customerId), true);
    const { rows } = await owner.query("SELECT total_orders, is_phone_verified FROM customers");
    assert.deepEqual(rows, [{ total_orders: 1, is_phone_verified: true }]);
  } finally {
    await owner.query("DROP OWNED BY shop_app; DROP ROLE shop_app");
    await owner.end();
    await shop.close();
  }
});

describe("drizzle adapter, one template", () => {
  const template = "clients_set_ups";
  before(() => prepareShop({ name: template, adapter: "drizzle", ids: "uuid" }));
  after(() => dropDatabase(template));

  test("eight_sign_ups_at_once_in_transactions_are_one_customer", async () => {
    const shop = await openShop({
      template,
      name: `${template}_now`,
      adapter: "drizzle",
      ids: "uuid",
      transaction: true,
    });
    try {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => shop.browser().signUp({ phone: "0151 23456789" })),
      );
      assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200));
      const customer = (await shop.one("SELECT id FROM customers")).id;
      assert.deepEqual(answers.map((answer) => answer.body.user.customerId), Array(8).fill(customer));
      await shop.check();
    } finally {
      await shop.close();
    }
  });

  test("cash_on_delivery_is_refused_until_the_phone_is_proven", async () => {
    const shop = await openShop({ template, name: `${template}_now`, adapter: "drizzle", ids: "uuid" });
    try {
      await shop.db.query(guideSql("Cash on delivery"));
      const { body } = await shop.browser().signUp({ phone });
      const order = { userId: body.user.id, total: "20", paymentMethod: "cash" };
      const insert = () => drizzle(shop.db).insert(shop.schema.orders).values(order).returning();

      await assert.rejects(insert, (error) => error.cause.code === "CI002" && Boolean(error.cause.hint));
      await assert.rejects(
        shop.order({ user_id: body.user.id, total: 20, payment_method: "cash" }),
        (error) => error.code === "CI002",
      );
      await shop.db.query("SELECT customer_identity.record_proof($1, $2, 'sms')", [phone, body.user.id]);
      const [{ customerId }] = await insert();
      assert.equal(customerId, body.user.customerId);
    } finally {
      await shop.close();
    }
  });

  test("code_checked_by_the_application_is_a_proof_for_guests_and_users", async () => {
    const shop = await openShop({ template, name: `${template}_now`, adapter: "drizzle", ids: "uuid" });
    try {
      const { body } = await shop.browser().signUp({ phone });
      const { id, customerId } = body.user;
      for (const userId of [null, id]) {
        await shop.browser().post("/phone-number/send-otp", { phoneNumber: phone });
        const code = shop.codes.get(phone);
        await assert.rejects(shop.auth.api.consumePhoneNumberOTP({ body: { phoneNumber: phone, code: "none" } }));
        await shop.auth.api.consumePhoneNumberOTP({ body: { phoneNumber: phone, code } });
        await shop.rows("SELECT customer_identity.record_proof($1, $2, 'sms')", [phone, userId]);
        assert.equal(await shop.canSee(id, customerId), userId !== null, "a guest's proof opens nothing to a user");
      }
      assert.deepEqual(
        (await shop.proofs()).map((proof) => [proof.user_id, proof.method]),
        [[null, "sms"], [id, "sms"]],
      );
    } finally {
      await shop.close();
    }
  });
});
