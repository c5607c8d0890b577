// The endpoints of docs/clients.md, called with the statements that PostgREST sends for POST /rpc/NAME: role, search_path
// and claims are settings of the transaction, and the arguments come out of the body by name.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import pg from "pg";
import { blocks } from "./page.js";
import { asAdmin, createDatabase, dropDatabase } from "./shop.js";

const database = "clients_postgrest";
const anonymous = { role: "web_anon" };
const admin = { role: "web_admin", sub: "admin" };
let owner, authenticator;

const rows = async (text, values) => (await owner.query(text, values)).rows;

/** PostgREST's documented statuses, of the codes that occur here. */
function statusOf({ code }, role) {
  if (code.startsWith("PT")) return Number(code.slice(2));
  if (code === "42501") return role === "web_anon" ? 401 : 403;
  if (code === "42883") return 404;
  return code.startsWith("P0") && code !== "P0001" ? 500 : 400;
}

/** What PostgREST's cache knows of a function in the schema that it exposes. */
async function signature(name) {
  const [routine] = await rows(
    `SELECT provolatile = 'v' AS writes, (SELECT json_object_agg(n, format_type(t, NULL))
            FROM unnest(proargnames, proargtypes::oid[]) AS argument (n, t)) AS types
       FROM pg_proc WHERE pronamespace = 'api'::regnamespace AND proname = $1`, [name]);
  assert.ok(routine, `no function api.${name}`);
  return routine;
}

async function post(name, claims, body = {}) {
  const { writes, types } = await signature(name);
  const given = Object.keys(body);
  const columns = given.map((key) => `"${key}" ${types[key]}`);
  const call = `api."${name}"(${given.map((key) => `"${key}" := pgrst_body."${key}"`)})`;
  const from = given.length
    ? `(SELECT * FROM json_to_record($1::json) AS _(${columns})) pgrst_body, LATERAL (SELECT ${call} pgrst_scalar) pgrst_call`
    : `(SELECT ${call} pgrst_scalar) pgrst_call`;
  const client = await authenticator.connect();
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED ${writes ? "READ WRITE" : "READ ONLY"}`);
    await client.query(
      `SELECT set_config('search_path', '"api", "public"', true), set_config('role', $1, true),
              set_config('request.jwt.claims', $2, true)`, [claims.role, JSON.stringify(claims)]);
    const { rows: [answer] } = await client.query(
      `WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM ${from})
       SELECT coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t`,
      given.length ? [JSON.stringify(body)] : []);
    await client.query("COMMIT");
    return { status: 200, body: answer.body };
  } catch (error) {
    await client.query("ROLLBACK");
    const { code, message, detail = null, hint = null } = error;
    return { status: statusOf(error, claims.role), body: { code, message, details: detail, hint } };
  } finally {
    client.release();
  }
}

const signUp = async (phone) => {
  const [{ id }] = await rows("INSERT INTO users (phone) VALUES ($1) RETURNING id", [phone]);
  return { role: "web_shopper", sub: id };
};
const ordersOf = async (shopper) => (await post("my_orders", shopper)).body.items.map(({ total }) => total).sort();

before(async () => {
  await createDatabase(database);
  owner = new pg.Pool({ database });
  await owner.query(blocks("The shop", "sql")[0]);
  await owner.query(blocks("PostgREST", "sql")[0]);
  authenticator = new pg.Pool({ database, user: "authenticator" });
});
after(async () => {
  await authenticator?.end();
  await owner?.end();
  await dropDatabase(database);
  await asAdmin("DROP ROLE backend, authenticator, web_anon, web_shopper, web_admin");
});
beforeEach(() => rows("TRUNCATE users, orders, customers CASCADE"));

test("request_of_the_page_gets_the_answer_of_the_page", async () => {
  const [request, response] = blocks("PostgREST", "http");
  const [, name] = request.match(/^POST \/rpc\/(\w+) /);
  const [, status] = response.match(/^HTTP\/1.1 (\d+) /);
  const body = (message) => JSON.parse(message.slice(message.indexOf("\n\n")));
  assert.deepEqual(await post(name, anonymous, body(request)), { status: Number(status), body: body(response) });
});

test("order_of_a_guest_and_of_a_login_belong_to_one_customer", async () => {
  const shopper = await signUp("0151 23456789");
  assert.equal((await post("place_order", anonymous, { phone: "+49 151 234 567 89", total: 25.5 })).status, 200);
  assert.equal((await post("place_order", shopper, { phone: "0171 2345678", total: 40 })).status, 200);
  assert.deepEqual(await rows("SELECT user_id, total FROM orders ORDER BY total"), [
    { user_id: null, total: "25.50" },
    { user_id: shopper.sub, total: "40.00" },
  ]);
  assert.deepEqual(await rows("SELECT phone, total_orders FROM customers"), [{ phone: "+4915123456789", total_orders: 2 }]);
});

test("shopper_sees_what_is_the_tokens_users_and_the_rest_once_the_phone_is_proved", async () => {
  const [mara, jonas] = [await signUp("0151 23456789"), await signUp("0171 2345678")];
  await post("place_order", mara, { phone: null, total: 40 });
  await post("place_order", jonas, { phone: null, total: 99 });
  await post("place_order", anonymous, { phone: "0151/23456789", total: 10 });
  assert.deepEqual(await ordersOf(mara), [40]);
  assert.deepEqual(await ordersOf(jonas), [99]);
  await rows("SELECT customer_identity.record_proof('0151 23456789', $1, 'sms')", [mara.sub]);
  assert.deepEqual(await ordersOf(mara), [10, 40]);
  assert.deepEqual(await ordersOf(jonas), [99]);
  assert.deepEqual(await ordersOf({ role: "web_shopper" }), [], "a token without a user");
});

test("no_role_reaches_what_is_not_its_own", async () => {
  const shopper = await signUp("0151 23456789");
  const update = { id: shopper.sub, changes: { notes: "mine" }, expected_updated_at: null };
  for (const [name, claims, status] of [
    ["my_orders", anonymous, 401],
    ["my_orders", admin, 403],
    ["customers", anonymous, 401],
    ["customers", shopper, 403],
    ["update_customer", anonymous, 401],
    ["update_customer", shopper, 403],
    ["place_order", admin, 403],
  ]) {
    const body = { update_customer: update, place_order: { phone: null, total: 1 } }[name];
    const answer = await post(name, claims, body);
    assert.deepEqual([answer.status, answer.body.code], [status, "42501"], `${claims.role}: ${name}`);
  }
});

test("roles_behind_tokens_have_no_right_on_a_table_nor_on_functions_beneath_the_endpoints", async () => {
  for (const role of ["web_anon", "web_shopper", "web_admin", "authenticator"]) {
    const granted = await rows(
      `SELECT oid::regclass AS relation FROM pg_class
        WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace
          AND has_table_privilege($1, oid, 'SELECT, INSERT, UPDATE, DELETE')`, [role]);
    assert.deepEqual(granted, [], role);
    const callable = await rows(
      `SELECT proname FROM pg_proc WHERE pronamespace = 'customer_identity'::regnamespace
          AND proname IN ('list_customers', 'update_customer', 'customer_details', 'customer_orders', 'visible_orders', 'record_proof')
          AND has_function_privilege($1, oid, 'EXECUTE')`, [role]);
    assert.deepEqual(callable, [], role);
  }
});

test("administrator_lists_and_edits_and_a_conflict_is_409", async () => {
  await post("place_order", anonymous, { phone: "0151 23456789", total: 25.5 });
  await rows("UPDATE customers SET updated_at = '2026-01-02 03:04:05.123456+00'");
  const { body: page } = await post("customers", admin, { search: "0151/234", filters: { min_orders: 1 } });
  assert.deepEqual(page.items.map(({ phone, total_spent }) => [phone, total_spent]), [["+4915123456789", 25.5]]);
  const [{ id, updated_at }] = page.items;
  const edit = { id, changes: { notes: "rings twice" }, expected_updated_at: updated_at };
  assert.equal((await post("update_customer", admin, edit)).body.notes, "rings twice");
  const again = await post("update_customer", admin, { ...edit, changes: { notes: "rings once" } });
  assert.deepEqual([again.status, again.body.code, again.body.message], [409, "PT409", "the row changed since it was read"]);
  assert.deepEqual(await rows("SELECT notes FROM customers"), [{ notes: "rings twice" }]);
  assert.deepEqual(await rows("SELECT actor FROM customer_events WHERE event = 'edited'"), [{ actor: "admin" }]);
});

test("unknown_customer_is_404_and_a_wrong_argument_400", async () => {
  const edit = { id: "00000000-0000-4000-8000-000000000000", changes: { notes: "x" }, expected_updated_at: null };
  assert.equal((await post("update_customer", admin, edit)).status, 404);
  const answer = await post("customers", admin, { filters: { colour: "red" } });
  assert.deepEqual([answer.status, answer.body.code], [400, "22023"]);
});
