// The programs of docs/verification.md: Twilio Verify and Better Auth with codes of their own, and a sender.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";
import { statement, writeExample } from "./examples.js";
import { guideSql } from "./guide.js";
import { createDatabase, dropDatabase } from "./shop.js";
import { account, startTwilioVerify } from "./twilio-verify.js";

const phone = "+4915123456789";

async function openDatabase(name) {
  await createDatabase(name);
  const pool = new pg.Pool({ database: name });
  await pool.query(guideSql("The book"));
  const rows = async (text, values) => (await pool.query(text, values)).rows;
  return {
    url: `postgres:///${name}?host=${encodeURIComponent(process.env.PGHOST)}`,
    rows,
    query: (text, values) => pool.query(text, values),
    proofs: () => rows("SELECT phone, user_id, method FROM phone_proofs WHERE ended_at IS NULL ORDER BY id"),
    async close() {
      await pool.end();
      await dropDatabase(name);
    },
  };
}

async function until(condition, what) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await condition()) return;
    await pause(100);
  }
  assert.fail(what);
}

test("statements_of_the_backend_start_and_check", async () => {
  const db = await openDatabase("clients_backend");
  try {
    const request = { ip: "203.0.113.7" };
    const ask = statement("start", "pool", "phone", "session", "request");
    const start = await ask(db, "0151 23456789", { userId: "u1" }, request);
    assert.deepEqual([start.status, start.phone, start.seconds], ["sent", phone, 30]);
    const again = await ask(db, "0151 23456789", {}, request);
    assert.equal(again.status, "throttled");
    assert.ok(again.seconds > 0 && again.seconds <= 30);
    const answer = statement("check", "pool", "session", "code");
    const session = { verificationId: start.verification_id };
    assert.deepEqual(await answer(db, session, "no code"), { status: "incorrect", attempts_left: 4, customer_id: null });
    const [{ body }] = await db.rows("SELECT body FROM customer_identity.claim_messages()");
    assert.equal((await answer(db, session, body.match(/\d{6}/)[0])).status, "approved");
    assert.deepEqual(await db.proofs(), [{ phone, user_id: "u1", method: "sms" }]);
  } finally {
    await db.close();
  }
});

describe("Twilio Verify", () => {
  let db, twilio, sendCode, checkCode;

  before(async () => {
    Object.assign(process.env, account);
    ({ sendCode, checkCode } = await import((await writeExample("twilio-verify.js")).href));
    twilio = await startTwilioVerify();
    db = await openDatabase("clients_twilio_verify");
    await db.query("CREATE TABLE orders (id bigint PRIMARY KEY, phone text, total numeric, payment text)");
    await db.query(`SELECT customer_identity.attach_orders('orders', payment_column => 'payment', cod_values => '{cash}')`);
  });
  after(async () => {
    await twilio?.close();
    await db?.close();
  });

  const order = (id) => db.query("INSERT INTO orders VALUES ($1, '0151 23456789', 20, 'cash')", [id]);

  test("phone_that_cannot_be_read_gets_no_code", async () => {
    assert.equal(await sendCode(db, "call me"), null);
    assert.equal(twilio.codes.size, 0);
  });

  test("wrong_code_proves_nothing", async () => {
    assert.equal(await sendCode(db, "0151 23456789"), phone);
    assert.equal(await checkCode(db, phone, "000000"), null);
    assert.deepEqual(await db.proofs(), []);
    await assert.rejects(order(1), { code: "CI002" });
  });

  test("approved_code_proves_the_phone_and_opens_cash_on_delivery", async () => {
    const customer = await checkCode(db, phone, twilio.codes.get(phone), "u1");
    assert.deepEqual(await db.rows("SELECT id, phone, is_phone_verified FROM customers"), [
      { id: customer, phone, is_phone_verified: true },
    ]);
    assert.deepEqual(await db.proofs(), [{ phone, user_id: "u1", method: "twilio-verify" }]);
    await order(2);
  });

  test("used_code_is_not_found", async () => {
    await assert.rejects(checkCode(db, phone, "100001"), { status: 404 });
  });

  test("guest_has_a_proof_without_a_user", async () => {
    await sendCode(db, "+49 151 98765432");
    await checkCode(db, "+4915198765432", twilio.codes.get("+4915198765432"));
    assert.deepEqual((await db.proofs())[1], { phone: "+4915198765432", user_id: null, method: "twilio-verify" });
  });
});

describe("Better Auth", () => {
  const origin = "http://shop.test";
  let db, auth, codes;

  before(async () => {
    db = await openDatabase("clients_better_auth_codes");
    process.env.DATABASE_URL = db.url;
    process.env.BETTER_AUTH_URL = origin;
    process.env.BETTER_AUTH_SECRET = "only-for-tests-0123456789abcdef0123456789";
    process.env.BETTER_AUTH_TELEMETRY = "0";
    const example = await writeExample("auth.ts", {
      "sms.ts": `export const codes = new Map();
export const sendSms = (phone: string, text: string) => void codes.set(phone, text.match(/[0-9]{6}/)![0]);
`,
    });
    ({ auth } = await import(example.href));
    ({ codes } = await import(new URL("sms.ts", example).href));
    await (await getMigrations(auth.options)).runMigrations();
    await db.query(`SELECT customer_identity.attach_users('"user"', phone_columns => '{phoneNumber}')`);
  });
  after(async () => {
    await auth?.options.database.end();
    await db?.close();
  });

  const post = async (path, body) => {
    const request = new Request(`${origin}/api/auth/phone-number${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin },
      body: JSON.stringify(body),
    });
    const response = await auth.handler(request);
    return { status: response.status, body: await response.json() };
  };

  test("phone_that_is_not_e164_gets_no_code", async () => {
    for (const spelling of ["0151 23456789", "call me"]) {
      assert.equal((await post("/send-otp", { phoneNumber: spelling })).status, 400, spelling);
    }
    assert.equal(codes.size, 0);
  });

  test("wrong_code_proves_nothing", async () => {
    assert.equal((await post("/send-otp", { phoneNumber: phone })).status, 200);
    assert.equal((await post("/verify", { phoneNumber: phone, code: "none" })).status, 400);
    assert.deepEqual(await db.proofs(), []);
  });

  test("right_code_proves_the_phone_for_the_user_who_signs_up", async () => {
    const { status, body } = await post("/verify", { phoneNumber: phone, code: codes.get(phone) });
    assert.equal(status, 200);
    assert.deepEqual(await db.proofs(), [{ phone, user_id: body.user.id, method: "better-auth" }]);
    const [user] = await db.rows(
      `SELECT customer_identity.can_see_customer(u.id, c.id) AS sees_history
       FROM "user" AS u JOIN customers AS c ON c.id = u.customer_id AND c.is_phone_verified`);
    assert.deepEqual(user, { sees_history: true });
  });

  test("next_sign_in_adds_no_proof", async () => {
    await post("/send-otp", { phoneNumber: phone });
    assert.equal((await post("/verify", { phoneNumber: phone, code: codes.get(phone) })).status, 200);
    assert.equal((await db.proofs()).length, 1);
  });

  test("with_a_verified_column_the_callback_adds_what_was_stored_unverified", async () => {
    await db.query(
      `SELECT customer_identity.attach_users('"user"',
          phone_columns => '{phoneNumber}', verified_column => 'phoneNumberVerified')`);
    const signUp = "+4915123456780";
    const imported = "+4915123456781";
    await db.query(
      `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt", "phoneNumber", "phoneNumberVerified")
       VALUES ('imported', 'Ada', 'ada@shop.test', true, now(), now(), $1, false)`, [imported]);
    for (const phoneNumber of [signUp, imported]) {
      await post("/send-otp", { phoneNumber });
      assert.equal((await post("/verify", { phoneNumber, code: codes.get(phoneNumber) })).status, 200);
    }
    const proofs = await db.rows("SELECT phone, method FROM phone_proofs WHERE phone <> $1 ORDER BY id", [phone]);
    assert.deepEqual(proofs, [
      { phone: signUp, method: "auth" },
      { phone: imported, method: "better-auth" },
    ]);
  });
});

describe("a sender of one's own", () => {
  let db, sender, output;

  before(async () => {
    db = await openDatabase("clients_sender");
    const example = await writeExample("send-codes.js", {
      "provider.js": `const refused = new Set();
export async function send(phone, body) {
  console.log(phone, body);
  if (phone.endsWith("0")) return { error: "21211: no such phone", permanent: true };
  if (phone.endsWith("1") && !refused.has(phone)) return refused.add(phone), { error: "busy", permanent: false };
  return { id: "m-" + phone };
}
`,
    });
    output = "";
    sender = spawn(process.execPath, [example.pathname], {
      env: { ...process.env, DATABASE_URL: db.url },
      stdio: ["ignore", "pipe", "inherit"],
    });
    sender.stdout.on("data", (text) => (output += text));
  });
  after(async () => {
    sender?.kill();
    if (sender?.exitCode === null) await once(sender, "exit");
    await db?.close();
  });

  const messages = () =>
    db.rows("SELECT phone, status, body IS NULL AS erased, provider_id, error FROM customer_identity.sms_messages ORDER BY created_at");

  test("message_is_sent_when_it_is_notified_and_its_code_is_right", async () => {
    const listening = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    await until(async () => (await db.rows(listening)).length > 0, "the sender does not listen");
    const [{ id }] = await db.rows("SELECT verification_id AS id FROM customer_identity.start_verification($1)", [phone]);
    const started = Date.now();
    await until(async () => (await messages())[0].status === "sent", "nothing was sent");
    assert.ok(Date.now() - started < 9_000, "it was notified, not found by the timer");
    assert.deepEqual(await messages(), [
      { phone, status: "sent", erased: true, provider_id: `m-${phone}`, error: null },
    ]);
    const [, code] = output.match(/Your code is (\d{6})/);
    const [check] = await db.rows("SELECT status FROM customer_identity.check_verification($1, $2)", [id, code]);
    assert.equal(check.status, "approved");
  });

  test("refused_message_is_given_up_and_a_failed_one_comes_again", async () => {
    await db.query("SELECT customer_identity.start_verification('+4915123456780')");
    await db.query("SELECT customer_identity.start_verification('+4915123456781')");
    await until(async () => (await messages()).slice(1).every((message) => message.status !== "pending"), "still pending");
    assert.deepEqual((await messages()).slice(1), [
      { phone: "+4915123456780", status: "failed", erased: true, provider_id: null, error: "21211: no such phone" },
      { phone: "+4915123456781", status: "sent", erased: true, provider_id: "m-+4915123456781", error: null },
    ]);
    assert.equal(output.match(/\+4915123456781/g).length, 2);
  });
});
