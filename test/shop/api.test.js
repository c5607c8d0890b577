// The shop through its API: who becomes which customer, what is refused, and that shoppers and
// administrators stay on their own side.
import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import * as schema from "../../examples/shop/dist/infrastructure/schema.js";
import { administrator, assertProblem, newLine, openShop, order, spell } from "./shop.js";

const ofShop = createRequire(new URL("../../examples/shop/", import.meta.url));

let shop;
let admin;

before(async () => {
  shop = await openShop();
  admin = await shop.admin();
});

after(async () => {
  const differences = await shop.rows("SELECT * FROM customer_identity.verify_totals()");
  const findings = await shop.rows(
    "SELECT * FROM customer_identity.check_setup() WHERE severity = 'error'",
    [],
    "postgres",
  );
  await shop.close();
  assert.deepEqual([differences, findings], [[], []], "totals are exact and the set-up is whole");
});

const customerOf = async (line) =>
  (
    await shop.rows("SELECT *, updated_at::text FROM customers WHERE phone = $1", [
      spell.e164(line),
    ])
  )[0];

/** Proves the phone to the shop with a code. */
async function verify(visitor, line) {
  const started = await visitor.post("/api/verifications", { phone: spell.home(line) });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  const code = await shop.code(spell.e164(line));
  return visitor.post(`/api/verifications/${started.body.verification_id}`, { code });
}

async function signInByPhone(visitor, typed, line) {
  const sent = await visitor.post("/api/auth/phone-number/send-otp", { phoneNumber: typed });
  assert.equal(sent.status, 200, JSON.stringify(sent.body));
  const code = await shop.code(spell.e164(line));
  return visitor.post("/api/auth/phone-number/verify", {
    phoneNumber: typed,
    code,
    name: "Pia Phone",
  });
}

describe("shoppers", () => {
  test("two_spellings_sign_up_as_one_customer", async () => {
    const line = newLine();
    const first = await shop.signUp({ phone: spell.home(line), name: "Mara Sol" });
    const second = await shop.signUp({ phone: spell.abroad(line), name: "M. Sol" });
    assert.ok(first.user.customerId);
    assert.equal(second.user.customerId, first.user.customerId);
    assert.equal((await customerOf(line)).preferred_name, "Mara Sol");
  });

  test("guest_becomes_a_customer_with_a_name", async () => {
    const line = newLine();
    const placed = await shop.visitor().post("/api/orders", order({ phone: spell.home(line) }));
    assert.equal(placed.status, 201);
    const customer = await customerOf(line);
    assert.equal(customer.preferred_name, "Guest Person");
    assert.equal(Number(customer.total_spent), 17.8);
  });

  test("guest_order_joins_the_customer_who_signed_up", async () => {
    const line = newLine();
    const shopper = await shop.signUp({ phone: spell.abroad(line) });
    await shop.visitor().post("/api/orders", order({ phone: spell.home(line) }));
    const customer = await customerOf(line);
    assert.deepEqual([customer.id, customer.total_orders], [shopper.user.customerId, 1]);
  });

  test("unreadable_phone_of_a_guest_is_refused", async () => {
    assertProblem(
      await shop.visitor().post("/api/orders", order({ phone: "call me" })),
      422,
      "CI001",
    );
  });

  test("order_with_an_amount_or_goods_of_its_own_is_refused", async () => {
    const refused = [
      { total: "0.01" },
      { customer_id: "6427bfd0-7b2e-4a4a-8d27-30d82e4d7b8b" },
      { userId: "somebody" },
      { items: [] },
      { items: [{ sku: "gold", quantity: 1 }] },
      { items: [{ sku: "tea", quantity: -1 }] },
      { items: [{ sku: "tea", quantity: 0.5 }] },
      { payment: "free" },
    ];
    for (const fields of refused)
      assertProblem(await shop.visitor().post("/api/orders", order(fields)), 400);
  });

  test("order_that_is_sent_again_with_its_key_is_placed_once", async () => {
    const sent = order({ phone: spell.home(newLine()) });
    const [first, second] = [shop.visitor(), shop.visitor()];
    const send = (visitor, body, key) =>
      visitor.request("POST", "/api/orders", body, { "idempotency-key": key });
    const answers = await Promise.all(Array.from({ length: 6 }, () => send(first, sent, "a")));
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
    assert.deepEqual(
      answers.map(({ status }) => status).toSorted(),
      [200, 200, 200, 200, 200, 201],
    );
    const others = [
      await send(first, sent, "b"),
      await send(first, { ...sent, address: "Lindenstieg 2" }, "a"),
      await send(second, { ...sent, phone: spell.home(newLine()) }, "a"),
      await first.post("/api/orders", sent),
      await first.post("/api/orders", sent),
    ];
    assert.ok(others.every(({ status }) => status === 201));
    assert.equal(new Set(others.map(({ body }) => body.id)).size, 5);
  });

  test("checkout_without_a_script_or_sent_at_once_is_one_order", async () => {
    const line = newLine();
    const guest = shop.visitor();
    const { headers } = await guest.get("/checkout?tea=2&cup=0");
    const { body: page } = await guest.get(headers.get("location"));
    const [, key] = page.match(/name="key" value="([^"]{20,})"/);
    const { name, phone, address, payment } = order({ phone: spell.home(line) });
    const form = new URLSearchParams({ name, phone, address, payment, key, tea: "2" });
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => guest.post("/checkout", form)),
    );
    const places = answers.map((answer) => answer.headers.get("location").replace("?again", ""));
    assert.deepEqual([answers[0].status, new Set(places).size], [303, 1]);
    assert.match((await guest.get(places[0])).body, /2 × Assam tea/);
    assert.equal((await customerOf(line)).total_orders, 1);
  });

  test("same_goods_are_a_new_order_after_the_answer_to_the_first_was_lost", async () => {
    const line = newLine();
    const guest = shop.visitor();
    const { name, phone, address, payment } = order({ phone: spell.home(line) });
    const checkout = async (path) => {
      const { headers } = await guest.get(path);
      const { body } = await guest.get(headers.get("location"));
      const [, key] = body.match(/name="key" value="([^"]{20,})"/);
      return new URLSearchParams({ name, phone, address, payment, key, tea: "2" });
    };
    const form = await checkout("/checkout?tea=2");
    assert.equal((await shop.visitor().post("/checkout", form)).status, 303, "nobody saw it");
    const again = (await guest.post("/checkout", form)).headers.get("location");
    assert.match(again, /\?again$/);
    const [, link] = (await guest.get(again)).body.match(/href="([^"]+)">Order the same again/);
    const next = await guest.post("/checkout", await checkout(link));
    assert.doesNotMatch(next.headers.get("location"), /again/);
    assert.equal((await customerOf(line)).total_orders, 2);
  });

  test("cash_on_delivery_is_refused_until_the_code_was_right", async () => {
    const line = newLine();
    const guest = shop.visitor();
    const cash = order({ phone: spell.home(line), payment: "cash" });
    assertProblem(await guest.post("/api/orders", cash), 403, "CI002");

    const started = await guest.post("/api/verifications", { phone: spell.home(line) });
    const code = await shop.code(spell.e164(line));
    const wrong = code === "000000" ? "000001" : "000000";
    const path = `/api/verifications/${started.body.verification_id}`;
    assert.deepEqual((await guest.post(path, { code: wrong })).body, {
      status: "incorrect",
      attempts_left: 4,
    });
    assertProblem(await guest.post("/api/orders", cash), 403, "CI002");
    assert.equal((await guest.post(path, { code })).status, 200);
    assert.equal((await guest.post(path, { code })).body.status, "expired", "a code is used once");
    assert.equal((await guest.post("/api/orders", cash)).status, 201);
  });

  test("codes_come_at_intervals", async () => {
    const line = newLine();
    await shop.visitor().post("/api/verifications", { phone: spell.home(line) });
    const again = await shop.visitor().post("/api/verifications", { phone: spell.abroad(line) });
    assert.equal(again.status, 429);
    assert.equal(again.body.status, "throttled");
    assert.equal(again.headers.get("retry-after"), String(again.body.retry_after));
  });

  test("fixed_line_is_sent_no_code", async () => {
    assertProblem(await shop.visitor().post("/api/verifications", { phone: "030 23125 100" }), 422);
  });

  test("code_of_a_login_goes_to_its_own_phone_whatever_is_typed", async () => {
    const [own, typed] = [newLine(), newLine()];
    const shopper = await shop.signUp({ phone: spell.home(own) });
    const started = await shopper.post("/api/verifications", { phone: spell.home(typed) });
    assert.equal(started.body.phone, spell.e164(own));
  });

  test("phone_sign_in_is_one_login_in_any_spelling", async () => {
    const line = newLine();
    const first = await signInByPhone(shop.visitor(), spell.home(line), line);
    assert.equal(first.status, 200, JSON.stringify(first.body));
    assert.deepEqual(
      [first.body.user.name, first.body.user.phoneNumber],
      ["Pia Phone", spell.e164(line)],
    );
    // The pause between two codes to one phone is for people.
    await shop.rows("DELETE FROM customer_identity.verification_events", [], "postgres");
    const second = await signInByPhone(shop.visitor(), spell.abroad(line), line);
    assert.equal(second.body.user.id, first.body.user.id);
  });

  test("code_for_one_phone_signs_nobody_in_with_another", async () => {
    const [own, other] = [newLine(), newLine()];
    const visitor = shop.visitor();
    // Their own code is the newest that was sent.
    for (const line of [other, own]) {
      await visitor.post("/api/auth/phone-number/send-otp", { phoneNumber: spell.home(line) });
    }
    const code = await shop.code(spell.e164(own));
    const answer = await visitor.post("/api/auth/phone-number/verify", {
      phoneNumber: spell.home(other),
      code,
    });
    assert.equal(answer.status, 400);
    assert.equal(
      (await shop.rows('SELECT FROM "user" WHERE phone_number = $1', [spell.e164(other)])).length,
      0,
    );
  });

  test("address_that_limits_count_is_not_the_visitors_to_choose", async () => {
    const line = newLine();
    const forged = { "x-client-address": "203.0.113.9", "x-forwarded-for": "203.0.113.9" };
    const body = { phoneNumber: spell.home(line) };
    await shop.visitor().request("POST", "/api/auth/phone-number/send-otp", body, forged);
    const query =
      "SELECT host(client_address) FROM customer_identity.verifications WHERE phone = $1";
    assert.deepEqual(await shop.rows(query, [spell.e164(line)], "postgres"), [
      { host: "127.0.0.1" },
    ]);
  });

  test("wrong_codes_at_sign_in_are_counted_by_the_database", async () => {
    const line = newLine();
    const visitor = shop.visitor();
    await visitor.post("/api/auth/phone-number/send-otp", { phoneNumber: spell.home(line) });
    const code = await shop.code(spell.e164(line));
    const wrong = code === "000000" ? "000001" : "000000";
    for (const answer of [wrong, wrong, wrong, wrong, wrong, code]) {
      const checked = await visitor.post("/api/auth/phone-number/verify", {
        phoneNumber: spell.home(line),
        code: answer,
      });
      assert.equal(checked.status, 400);
    }
  });

  test("link_confirms_the_address_and_ends_the_reminder", async () => {
    const shopper = await shop.signUp();
    const reminder = /e-mail address is not confirmed/;
    assert.match((await shopper.get("/")).body, reminder);
    const { pathname, search } = new URL(shop.link(shopper.email));
    await shopper.get(pathname + search);
    assert.doesNotMatch((await shopper.get("/")).body, reminder);
  });

  test("password_sign_in_by_phone_is_closed", async () => {
    for (const path of [
      "/sign-in/phone-number",
      "/phone-number/request-password-reset",
      "/phone-number/reset-password",
    ]) {
      assert.equal(
        (await shop.visitor().post(`/api/auth${path}`, { phoneNumber: "0176 04069 900" })).status,
        404,
        path,
      );
    }
  });
});

describe("borders", () => {
  const adminRequests = (id) => [
    ["GET", "/admin/customers"],
    ["GET", `/admin/customers/${id}`],
    ["GET", `/admin/customers/${id}/users`],
    [
      "PUT",
      `/admin/customers/${id}`,
      { notes: "mine", expected_updated_at: "2026-01-01T00:00:00Z" },
    ],
  ];
  const pages = (id) => ["/back-office", "/back-office/insight", `/back-office/customers/${id}`];

  test("nobody_but_an_admin_gets_at_customers", async () => {
    const line = newLine();
    const shopper = await shop.signUp({ phone: spell.home(line) });
    await verify(shopper, line);
    const before = await customerOf(line);
    for (const [method, path, body] of adminRequests(before.id)) {
      assertProblem(await shopper.request(method, path, body), 403);
      assertProblem(await shop.visitor().request(method, path, body), 401);
    }
    for (const path of pages(before.id)) {
      assert.equal((await shopper.get(path)).status, 403);
      const { status, headers } = await shop.visitor().get(path);
      const location = `/sign-in?${new URLSearchParams({ next: path })}`;
      assert.deepEqual([status, headers.get("location")], [302, location]);
    }
    const form = new URLSearchParams({
      notes: "mine",
      expected_updated_at: "2026-01-01T00:00:00Z",
    });
    assert.equal((await shopper.post(`/back-office/customers/${before.id}`, form)).status, 403);
    assert.deepEqual(await customerOf(line), before);
  });

  test("sign_up_chooses_neither_role_nor_customer", async () => {
    const customer = (await shop.rows("SELECT id FROM customers LIMIT 1"))[0].id;
    for (const fields of [{ role: "admin" }, { customerId: customer }, { customer_id: customer }]) {
      const body = {
        name: "Eve",
        email: `eve${newLine()}@shop.test`,
        password: "correct horse",
        ...fields,
      };
      const visitor = shop.visitor();
      const answer = await visitor.post("/api/auth/sign-up/email", body);
      if (answer.status === 200) {
        assert.deepEqual([answer.body.user.role, answer.body.user.customerId], ["customer", null]);
        assertProblem(await visitor.get("/admin/customers"), 403);
        await visitor.post("/api/auth/update-user", fields);
        assertProblem(await visitor.get("/admin/customers"), 403);
      } else {
        assert.equal(answer.status, 400);
      }
    }
    assert.equal((await shop.rows(`SELECT FROM "user" WHERE role = 'admin'`)).length, 1);
    assert.equal(
      (await shop.rows(`SELECT FROM "user" WHERE name = 'Eve' AND customer_id IS NOT NULL`)).length,
      0,
    );
  });

  test("role_that_is_taken_away_is_gone_at_once", async () => {
    const shopper = await shop.signUp();
    const role = (name) =>
      shop.rows('UPDATE "user" SET role = $1 WHERE id = $2', [name, shopper.user.id]);
    await role("admin");
    assert.equal((await shopper.get("/admin/customers")).status, 200);
    await role("customer");
    assertProblem(await shopper.get("/admin/customers"), 403);
  });

  test("claim_opens_no_history_and_a_proof_does", async () => {
    const line = newLine();
    const owner = await shop.signUp({ phone: spell.home(line) });
    await owner.post("/api/orders", order({ phone: spell.home(line) }));
    await shop.visitor().post("/api/orders", order({ phone: spell.home(line) }));
    const stranger = await shop.signUp({ phone: spell.abroad(line) });
    assert.equal(stranger.user.customerId, owner.user.customerId);
    assert.deepEqual((await stranger.get("/api/orders")).body.items, []);
    assert.equal((await owner.get("/api/orders")).body.items.length, 1);
    assert.equal((await verify(owner, line)).body.status, "approved");
    assert.equal((await owner.get("/api/orders")).body.items.length, 2);
    assert.deepEqual(
      (await stranger.get("/api/orders")).body.items,
      [],
      "somebody else's proof is not one's own",
    );
  });

  test("thank_you_page_is_shown_to_nobody_who_guesses", async () => {
    const line = newLine();
    const placed = await shop.visitor().post("/api/orders", order({ phone: spell.home(line) }));
    const stranger = shop.visitor();
    await stranger.get("/checkout?tea=2&nth=0");
    for (const visitor of [stranger, admin]) {
      const { status, body } = await visitor.get(`/thank-you/${placed.body.id}`);
      assert.equal(status, 404);
      assert.doesNotMatch(body, /Assam/);
      assert.equal(
        body.replace(/\/\d+/g, ""),
        (await visitor.get("/thank-you/0")).body.replace(/\/\d+/g, ""),
        "nor whether there is one",
      );
    }
    const forged = { cookie: `order-${placed.body.id}=${placed.body.id}` };
    assert.equal(
      (await stranger.request("GET", `/thank-you/${placed.body.id}`, undefined, forged)).status,
      404,
    );
  });

  test("sign_in_leads_to_no_other_site", async () => {
    const { email } = await shop.signUp();
    const nexts = [
      "//elsewhere.test",
      "/\\elsewhere.test",
      "https://elsewhere.test/",
      "/\t/elsewhere.test",
      "/.//elsewhere.test",
    ];
    for (const next of nexts) {
      const form = new URLSearchParams({ email, password: "correct horse", next });
      const { headers } = await shop.visitor().post("/sign-in", form);
      assert.equal(new URL(headers.get("location"), shop.url).origin, shop.url, next);
    }
  });

  test("admin_session_opens_no_shopper_orders", async () => {
    assert.deepEqual((await admin.get("/api/orders")).body, { items: [], next: null });
    assertProblem(await shop.visitor().get("/api/orders"), 401);
  });

  test("cursor_of_another_list_or_a_tampered_one_is_refused", async () => {
    const line = newLine();
    const shopper = await shop.signUp({ phone: spell.home(line) });
    const other = await shop.signUp();
    for (let i = 0; i < 21; i += 1)
      await shopper.post("/api/orders", order({ phone: spell.home(line) }));
    const first = (await shopper.get("/api/orders")).body;
    assert.equal(first.items.length, 20);
    const second = (await shopper.get(`/api/orders?after=${first.next}`)).body;
    assert.deepEqual([second.items.length, second.next], [1, null]);

    assertProblem(await other.get(`/api/orders?after=${first.next}`), 400, "22023");
    const inside = JSON.parse(Buffer.from(first.next, "base64url"));
    const forged = Buffer.from(
      JSON.stringify({ ...inside, id: "0); DROP TABLE orders; --" }),
    ).toString("base64url");
    for (const cursor of ["x", "%00", "bm8", forged, `${first.next}AAAA`]) {
      const answer = await shopper.get(`/api/orders?after=${encodeURIComponent(cursor)}`);
      assertProblem(answer, 400, "22023");
      const listed = await admin.get(`/admin/customers?after=${encodeURIComponent(cursor)}`);
      assertProblem(listed, 400, "22023");
    }
    const { next } = (await admin.get("/admin/customers?page_size=5")).body;
    assertProblem(
      await admin.get(`/admin/customers?page_size=5&sort=total_spent&after=${next}`),
      400,
      "22023",
    );
    assertProblem(
      await admin.get(`/admin/customers?page_size=5&verified=true&after=${next}`),
      400,
      "22023",
    );
  });

  test("request_that_is_too_long_is_refused", async () => {
    assertProblem(
      await shop.visitor().post("/api/orders", order({ address: "x".repeat(100_000) })),
      413,
    );
    assertProblem(
      await shop.visitor().post("/api/orders", order({ address: "x".repeat(1000) })),
      400,
    );
  });

  test("request_that_is_no_json_is_refused", async () => {
    const answer = await shop.visitor().request("POST", "/api/orders", new URLSearchParams("a=b"));
    assertProblem(answer, 400);
  });

  test("tampered_ids_are_refused", async () => {
    for (const id of ["1", "' OR true --", "%00", "6427bfd0-7b2e-4a4a-8d27-30d82e4d7b8b%20"]) {
      assertProblem(await admin.get(`/admin/customers/${encodeURIComponent(id)}`), 400);
      assertProblem(
        await shop.visitor().post(`/api/verifications/${encodeURIComponent(id)}`, { code: "1" }),
        400,
      );
    }
    const nobody = "00000000-0000-4000-8000-000000000000";
    const change = { notes: "x", expected_updated_at: "2026-01-01T00:00:00Z" };
    assertProblem(await admin.get(`/admin/customers/${nobody}`), 404);
    assertProblem(await admin.get(`/admin/customers/${nobody}/users`), 404);
    assertProblem(await admin.put(`/admin/customers/${nobody}`, change), 404, "P0002");
    const unknown = await shop.visitor().post(`/api/verifications/${nobody}`, { code: "1" });
    assert.deepEqual([unknown.status, unknown.body.status], [422, "unknown"]);
  });

  test("form_of_another_site_is_refused", async () => {
    const form = new URLSearchParams({
      notes: "theirs",
      expected_updated_at: "2026-01-01T00:00:00Z",
    });
    const [{ id }] = await shop.rows("SELECT id FROM customers LIMIT 1");
    const elsewhere = { origin: "http://elsewhere.test" };
    const answer = await admin.request("POST", `/back-office/customers/${id}`, form, elsewhere);
    assert.equal(answer.status, 403);
    const json = await admin.request("POST", "/api/orders", order(), {
      ...elsewhere,
      "content-type": "text/plain",
    });
    assert.equal(json.status, 403);
  });

  test("database_role_of_the_shop_reads_no_customers_and_no_orders", async () => {
    const [{ id }] = await shop.rows("SELECT id FROM customers LIMIT 1");
    const forbidden = [
      "SELECT * FROM customers",
      "SELECT total FROM orders",
      "SELECT idempotency_key FROM orders",
      "UPDATE orders SET total = 0",
      "DELETE FROM orders",
      "SELECT * FROM phone_proofs",
      "SELECT * FROM customer_events",
      "SELECT customer_identity.list_customers()",
      `SELECT customer_identity.customer_details('${id}')`,
      `SELECT customer_identity.customer_orders('${id}')`,
      `SELECT customer_identity.update_customer('${id}', '{}')`,
      "SELECT customer_identity.record_proof('0176 04069 900')",
      "SELECT customer_identity.claim_messages()",
    ];
    for (const statement of forbidden) {
      await assert.rejects(shop.rows(statement, [], "shop_app"), { code: "42501" }, statement);
    }
  });

  test("database_role_of_administrators_reads_no_table_and_signs_for_nobody", async () => {
    const forbidden = [
      "SELECT * FROM customers",
      "SELECT * FROM orders",
      'SELECT * FROM "user"',
      "SELECT * FROM session",
      "SELECT * FROM customer_events",
      "SELECT customer_identity.record_proof('0176 04069 900')",
      "SELECT sign_events('{}', 'somebody', 'x')",
      "SELECT customer_identity.visible_orders('somebody')",
      "SELECT customer_of_guest('0176 04069 900', 'x')",
      "SELECT order_of_key('x')",
    ];
    for (const statement of forbidden) {
      await assert.rejects(shop.rows(statement, [], "shop_admin"), { code: "42501" }, statement);
    }
  });
});

describe("administrators", () => {
  const list = async (query) => {
    const answer = await admin.get(`/admin/customers?${new URLSearchParams(query)}`);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };

  test("search_finds_by_phone_digits_name_and_email", async () => {
    const line = newLine();
    const { email, user } = await shop.signUp({ phone: spell.home(line), name: "Zoë Öhrström" });
    const searches = [
      spell.home(line),
      spell.abroad(line),
      `069${line}`,
      "zoe ohr",
      "ÖHRSTRÖM",
      email,
      email.toUpperCase(),
    ];
    for (const search of searches) {
      const { items } = await list({ search });
      assert.ok(
        items.some(({ id }) => id === user.customerId),
        search,
      );
    }
    assert.deepEqual((await list({ search: "nobody has this name" })).items, []);
    assert.deepEqual((await list({ search: "'; DROP TABLE customers; --" })).items, []);
  });

  test("pages_show_every_customer_once_in_each_sort", async () => {
    const [{ count }] = await shop.rows("SELECT count(*)::integer FROM customers");
    for (const sort of [
      "-created_at",
      "updated_at",
      "preferred_name",
      "-total_spent",
      "total_orders",
    ]) {
      const seen = [];
      let after;
      do {
        const found = await list({ sort, page_size: 100, ...(after && { after }) });
        seen.push(...found.items.map(({ id }) => id));
        after = found.next;
      } while (after);
      assert.deepEqual([seen.length, new Set(seen).size], [count, count], sort);
    }
  });

  test("filters_narrow_the_list", async () => {
    const all = async (query) => (await list({ page_size: 200, ...query })).items;
    assert.ok((await all({ verified: "true" })).every((customer) => customer.is_phone_verified));
    assert.ok((await all({ min_orders: 5 })).every((customer) => customer.total_orders >= 5));
    assert.ok(
      (await all({ min_spent: 300, sort: "-total_spent" })).every(
        (customer) => customer.total_spent >= 300,
      ),
    );
    assert.ok((await all({ shared: "true" })).every((customer) => customer.users > 1));
    assert.ok((await all({ has_users: "false" })).every((customer) => customer.users === 0));
    assert.deepEqual(await all({ created_from: "2200-01-01" }), []);
    for (const query of [
      "sort=phone",
      "page_size=0",
      "page_size=x",
      "verified=perhaps",
      "colour=red",
      "created_to=soon",
    ]) {
      assertProblem(await admin.get(`/admin/customers?${query}`), 400);
    }
  });

  test("customer_has_all_users_and_counts", async () => {
    const line = newLine();
    const owner = await shop.signUp({ phone: spell.home(line) });
    await shop.signUp({ phone: spell.abroad(line) });
    await verify(owner, line);
    const { body: customer } = await admin.get(`/admin/customers/${owner.user.customerId}`);
    assert.deepEqual(
      [customer.phone, customer.is_phone_verified, customer.users, customer.open_claims],
      [spell.e164(line), true, 2, 1],
    );
    const { body: users } = await admin.get(`/admin/customers/${customer.id}/users`);
    assert.deepEqual(
      users.map(({ phones, proved }) => [phones, proved]),
      [
        [[spell.home(line)], true],
        [[spell.abroad(line)], false],
      ],
    );
  });

  test("edit_is_kept_and_a_stale_one_is_a_conflict", async () => {
    const line = newLine();
    const { user } = await shop.signUp({ phone: spell.home(line) });
    const path = `/admin/customers/${user.customerId}`;
    const { updated_at: expected_updated_at } = (await admin.get(path)).body;
    const edited = await admin.put(path, { notes: "calls before noon", expected_updated_at });
    assert.equal(edited.status, 200, JSON.stringify(edited.body));
    assert.equal(edited.body.notes, "calls before noon");
    assertProblem(
      await admin.put(path, { notes: "never calls", expected_updated_at }),
      409,
      "CI004",
    );
    assert.equal((await customerOf(line)).notes, "calls before noon");
    const again = { preferred_name: "Mara", expected_updated_at: edited.body.updated_at };
    assert.equal((await admin.put(path, again)).body.preferred_name, "Mara");
    assert.equal((await customerOf(line)).notes, "calls before noon", "what is left out stays");
    const page = (await admin.get(`/back-office/customers/${user.customerId}`)).body;
    assert.match(page, /by admin@shop\.example<small>notes: “” became “calls before noon”/);
  });

  test("form_that_changes_nothing_is_no_edit", async () => {
    const line = newLine();
    const { user } = await shop.signUp({
      phone: spell.home(line),
      name: "<script>alert(1)</script>",
    });
    const path = `/admin/customers/${user.customerId}`;
    const page = `/back-office/customers/${user.customerId}`;
    const { updated_at: expected_updated_at } = (await admin.get(path)).body;
    await admin.put(path, { notes: "two\nlines", expected_updated_at });
    const before = (await admin.get(path)).body;
    const save = (notes) => {
      const { updated_at, preferred_name } = before;
      return admin.post(
        page,
        new URLSearchParams({ notes, preferred_name, expected_updated_at: updated_at }),
      );
    };
    assert.equal((await save("two\r\nlines")).status, 200);
    assert.deepEqual((await admin.get(path)).body, before);
    assert.equal((await save("other")).status, 200);
    assert.equal((await save("two\r\nlines")).status, 409);
    assert.doesNotMatch(
      (await admin.get(page)).body,
      /<script>alert/,
      "what shoppers type is text",
    );
  });

  test("edit_of_anything_else_is_refused", async () => {
    const line = newLine();
    const { user } = await shop.signUp({ phone: spell.home(line) });
    const before = await customerOf(line);
    const path = `/admin/customers/${user.customerId}`;
    const { updated_at: expected_updated_at } = (await admin.get(path)).body;
    for (const fields of [
      { total_spent: 1 },
      { phone: "+491" },
      { is_phone_verified: true },
      { loyalty_points: 9 },
      { id: "x" },
    ]) {
      assertProblem(await admin.put(path, { ...fields, expected_updated_at }), 400);
    }
    assertProblem(await admin.put(path, { notes: "without a time" }), 400);
    assertProblem(await admin.put(path, { notes: "x", expected_updated_at: "soon" }), 400);
    assert.deepEqual(await customerOf(line), before);
  });
});

describe("a person's life", () => {
  const reason = "asked by phone";
  const act = (id, action, fields) =>
    admin.post(`/admin/customers/${id}/${action}`, { reason, ...fields });

  async function done(id, action, fields) {
    const answer = await act(id, action, fields);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body.result;
  }

  const signUp = async (line, fields) => {
    const shopper = await shop.signUp({ phone: spell.home(line), ...fields });
    return { shopper, ...(await customerOf(line)) };
  };

  const newest = async (id) => {
    const [event] = await shop.rows(
      "SELECT event, actor, details FROM customer_events WHERE customer_id = $1 ORDER BY created_at DESC, id DESC",
      [id],
    );
    return event;
  };

  test("numbers_are_added_changed_and_released", async () => {
    const [line, further, changed] = [newLine(), newLine(), newLine()];
    const { id } = await signUp(line);
    assert.equal(await done(id, "add-phone", { phone: spell.home(further) }), spell.e164(further));
    const { event, actor, details } = await newest(id);
    assert.deepEqual([event, actor, details.reason], ["phone_added", administrator.email, reason]);

    const other = await signUp(newLine());
    const answer = await act(other.id, "add-phone", { phone: spell.home(further) });
    assertProblem(answer, 409, "CI006");
    assertProblem(await act(id, "add-phone", { phone: "12" }), 422, "CI001");
    assertProblem(await act(id, "add-phone", { phone: spell.home(newLine()), reason: "" }), 400);

    await done(id, "change-phone", { phone: spell.home(changed), keep_old: true });
    assert.equal((await customerOf(changed)).id, id);
    await done(id, "release-phone", { phone: spell.home(line) });
    assert.equal((await newest(id)).event, "phone_released");
  });

  test("login_is_unlinked_and_linked_in_the_name_of_the_administrator", async () => {
    const { id, shopper } = await signUp(newLine());
    await done(id, "unlink-login", { login: shopper.user.id });
    const gone = await newest(id);
    assert.deepEqual(
      [gone.event, gone.actor, gone.details.reason],
      ["user_unlinked", administrator.email, reason],
    );
    assert.deepEqual((await admin.get(`/admin/customers/${id}/users`)).body, []);
    assertProblem(await act(id, "unlink-login", { login: shopper.user.id }), 404, "P0002");
    await done(id, "link-login", { login: shopper.email });
    assert.equal((await newest(id)).event, "user_linked");
    assert.equal((await admin.get(`/admin/customers/${id}/users`)).body.length, 1);
  });

  test("merge_is_previewed_done_and_undone", async () => {
    const winner = await signUp(newLine());
    const loser = await signUp(newLine());
    const path = `/admin/customers/${winner.id}/merge-preview?loser=${loser.id}`;
    const { body: preview } = await admin.get(path);
    assert.equal(preview.refused, null);
    assert.equal(preview.phones.length, 2);
    const merge_id = await done(winner.id, "merge", { loser: loser.id });
    assert.equal((await admin.get(`/admin/customers/${winner.id}/users`)).body.length, 2);
    assert.equal((await newest(winner.id)).actor, administrator.email);
    assert.equal(await done(winner.id, "unmerge", { merge_id }), loser.id);
    assert.equal((await admin.get(`/admin/customers/${loser.id}/users`)).body.length, 1);
    assertProblem(await act(winner.id, "merge", { loser: randomUUID() }), 404, "P0002");
  });

  test("login_and_order_are_split_off", async () => {
    const line = newLine();
    const { id, shopper } = await signUp(line);
    const { body } = await shopper.post("/api/orders", order({ phone: spell.home(line) }));
    const orders = [String(body.id)];
    const other = await done(id, "split", { user_ids: [shopper.user.id], orders });
    const [{ customer_id }] = await shop.rows("SELECT customer_id FROM orders WHERE id = $1", orders);
    assert.equal(customer_id, other);
    assert.equal((await admin.get(`/admin/customers/${other}/users`)).body.length, 1);
  });

  test("points_are_adjusted_once_with_a_key", async () => {
    const { id } = await signUp(newLine());
    const fields = { points: 40, idempotency_key: randomUUID() };
    for (const _ of [1, 2]) assert.equal(await done(id, "adjust-points", fields), 40);
    assert.equal((await newest(id)).actor, administrator.email);
  });

  test("proof_is_recorded_revoked_and_made_by_a_code", async () => {
    const line = newLine();
    const { id, shopper } = await signUp(line);
    const proof = { phone: spell.home(line), user_id: shopper.user.id };
    await done(id, "record-proof", proof);
    const { event, actor } = await newest(id);
    assert.deepEqual([event, actor], ["proof_made", administrator.email]);
    assert.equal((await customerOf(line)).is_phone_verified, true);
    await done(id, "revoke-proof", { phone: spell.home(line) });
    assert.equal((await customerOf(line)).is_phone_verified, false);
    const foreign = await act(id, "record-proof", { phone: spell.home(newLine()) });
    assertProblem(foreign, 409, "CI006");

    const path = `/admin/customers/${id}`;
    const { body: sent } = await admin.post(`${path}/send-code`, proof);
    const { verification_id } = sent.result;
    const code = await shop.code(spell.e164(line));
    const wrong = { verification_id, code: code === "000000" ? "000001" : "000000" };
    assertProblem(await admin.post(`${path}/check-code`, wrong), 422);
    assert.equal((await admin.post(`${path}/check-code`, { verification_id, code })).status, 200);
    assert.equal((await customerOf(line)).is_phone_verified, true);
  });

  test("duplicate_is_dismissed", async () => {
    const [one, two] = [await signUp(newLine(), { name: "Zora Zwilling" }), await signUp(newLine())];
    const isListed = async () =>
      (await admin.get("/admin/duplicates")).body.items.some(
        ({ a, b }) => [a, b].includes(one.id) && [a, b].includes(two.id),
      );
    await done(one.id, "dismiss-duplicate", { other: two.id });
    assert.equal(await isListed(), false);
    assert.equal((await newest(one.id)).event, "duplicate_dismissed");
  });

  test("rule_for_a_number_is_set_and_taken_away", async () => {
    const line = newLine();
    const { id } = await signUp(line);
    for (const rule of ["shared", null]) {
      const fields = { phone: spell.home(line), rule, reason };
      assert.equal((await admin.post("/admin/phone-rules", fields)).status, 204);
      assert.equal((await newest(id)).event, "phone_rule_set");
    }
    assert.equal((await admin.get("/admin/phone-suspects")).status, 200);
  });

  test("person_is_exported_and_erased", async () => {
    const { id } = await signUp(newLine());
    const { body } = await admin.get(`/admin/customers/${id}/export`);
    assert.equal(body.customer.id, id);
    const preview = await admin.get(`/admin/customers/${id}/erase-preview`);
    assert.ok(preview.body.tables.length > 0);
    await done(id, "erase", { delete_users: true });
    assertProblem(await admin.get(`/admin/customers/${id}`), 404);
  });
});

describe("documents", () => {
  test("openapi_description_is_valid_and_every_path_is_there", async () => {
    const { body } = await shop.visitor().get("/openapi.json");
    const { valid, errors } = await new Validator().validate(structuredClone(body));
    assert.ok(valid, JSON.stringify(errors));
    for (const [path, operations] of Object.entries(body.paths)) {
      for (const method of Object.keys(operations).filter((name) => name !== "parameters")) {
        const answer = await shop
          .visitor()
          .request(
            method.toUpperCase(),
            path.replace("{id}", "none"),
            method === "get" ? undefined : {},
          );
        assert.ok([400, 401].includes(answer.status), `${method} ${path}: ${answer.status}`);
      }
    }
  });

  test("unknown_path_of_the_api_is_a_problem", async () => {
    assertProblem(await shop.visitor().get("/api/nothing"), 404);
    assertProblem(await admin.get("/admin/nothing"), 404);
  });

  test("schema_declares_all_that_the_database_has", async () => {
    const { pushSchema } = ofShop("drizzle-kit/api");
    const { drizzle } = ofShop("drizzle-orm/node-postgres");
    const pool = new (ofShop("pg").Pool)({ database: "shop", user: "shop_owner" });
    // pushSchema() loses the parameters of its query about a composite key; one table has such a key.
    const query = pool.query.bind(pool);
    pool.query = ({ text, ...rest }, values) => {
      const filled = text.replace("= $1::", "= 'public'::").replace("= $2;", "= 'duplicate_dismissals';");
      return query({ ...rest, text: filled }, values);
    };
    try {
      const { statementsToExecute } = await pushSchema({ ...schema }, drizzle(pool), ["public"]);
      assert.deepEqual(statementsToExecute, []);
    } finally {
      await pool.end();
    }
  });
});
