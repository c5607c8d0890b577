// What sign-ups, sign-ins and profile changes of a real Better Auth do to customers: both adapters,
// ids as text and as uuid. HTTP statuses are those a browser sees.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { dropDatabase, openShop, prepareShop } from "./shop.js";

const phone = "+4915123456789";
const spellings = [
  "+4915123456789",
  "0151 23456789",
  "0049 151 23456789",
  "+49 (0) 151 2345 6789",
  "0151/2345-6789",
  "+49-151-23456789",
  "(0151) 23456789",
  "tel:+49-151-23456789",
];
const otherPhone = "+4915198765432";

const scenarios = {
  async email_sign_up_with_a_phone_makes_a_customer(shop) {
    const { status, body } = await shop.browser().signUp({ phone: "0151 23456789", name: "Ada" });
    assert.equal(status, 200);
    const [customer, ...others] = await shop.customers();
    assert.deepEqual(others, []);
    assert.equal(customer.phone, phone);
    assert.equal(customer.preferred_name, "Ada");
    assert.equal(customer.is_phone_verified, false);
    assert.equal(customer.total_orders, 0);
    const [user] = await shop.users();
    assert.equal(user.customer_id, customer.id);
    assert.equal(user.phone, "0151 23456789", "the spelling is the user's own");
    assert.equal(body.user.customerId, customer.id, "the answer carries the customer");
    assert.deepEqual(await shop.proofs(), [], "a claim proves nothing");
    assert.equal(await shop.canSee(user.id, customer.id), false);
  },

  async respelled_phone_of_a_second_login_is_the_same_customer(shop) {
    for (const spelling of spellings) {
      assert.equal((await shop.browser().signUp({ phone: spelling })).status, 200, spelling);
    }
    const [customer, ...others] = await shop.customers();
    assert.deepEqual(others, []);
    assert.equal(customer.preferred_name, "Buyer 1", "a later claim does not rename");
    const users = await shop.users();
    assert.deepEqual(users.map((user) => user.customer_id), spellings.map(() => customer.id));
    assert.deepEqual(users.map((user) => user.phone).sort(), [...spellings].sort());
  },

  async sign_up_without_phone_has_no_customer(shop) {
    const { status, body } = await shop.browser().signUp();
    assert.equal(status, 200);
    assert.equal(body.user.customerId, null);
    assert.equal((await shop.users())[0].customer_id, null);
    assert.deepEqual(await shop.customers(), []);
    assert.deepEqual(await shop.problems(), [], "no phone is no problem");
  },

  async phone_added_later_links_the_user_and_the_orders_so_far(shop) {
    const browser = shop.browser();
    await browser.signUp();
    const [{ id }] = await shop.users();
    const order = await shop.order({ user_id: id, total: 40, status: "paid" });
    assert.equal(order.customer_id, null);
    assert.equal((await browser.post("/update-user", { phone: "0151 23456789" })).status, 200);
    const [customer] = await shop.customers();
    assert.equal((await shop.users())[0].customer_id, customer.id);
    assert.equal(customer.phone, phone);
    assert.equal(customer.total_orders, 1);
    assert.equal(Number(customer.total_spent), 40);
    assert.equal((await shop.one("SELECT customer_id FROM orders")).customer_id, customer.id);
  },

  async profile_change_without_phone_links_to_no_other_customer(shop) {
    const browser = shop.browser();
    await browser.signUp({ phone });
    const before = await shop.customers();
    assert.equal((await browser.post("/update-user", { name: "New name" })).status, 200);
    assert.equal((await browser.post("/sign-out", {})).status, 200);
    const signedIn = await browser.post("/sign-in/email", { email: "buyer1@shop.test", password: "correct horse" });
    assert.equal(signedIn.status, 200);
    assert.equal(signedIn.body.user.customerId, before[0].id);
    const [{ preferred_name: name, updated_at: renamed, ...after }, ...others] = await shop.customers();
    const { preferred_name: _, updated_at: made, ...unchanged } = before[0];
    assert.deepEqual([name, after, others], ["New name", unchanged, []]);
    assert.ok(renamed > made);
  },

  async name_that_the_plugin_made_up_goes_with_the_users_own(shop) {
    const browser = shop.browser();
    await browser.verifyPhone("+4915123456789");
    assert.deepEqual((await shop.customers()).map((customer) => customer.preferred_name), ["New customer"]);
    await shop.browser().signUp({ phone: "0151 23456789", name: "New customer" });
    assert.equal((await browser.post("/update-user", { name: "Ada" })).status, 200);
    assert.deepEqual((await shop.customers()).map((customer) => customer.preferred_name), ["Ada"]);
  },

  async phone_plugin_sign_up_is_a_proof_and_sign_in_finds_the_user_again(shop) {
    const signUp = await shop.browser().verifyPhone("+4915123456789");
    assert.equal(signUp.status, 200);
    const [customer] = await shop.customers();
    assert.equal(customer.phone, phone);
    assert.equal(customer.is_phone_verified, true);
    assert.equal(signUp.body.user.id, (await shop.users())[0].id);
    const proofs = [
      { phone, customer_id: customer.id, user_id: signUp.body.user.id, method: "auth", ended_at: null },
    ];
    assert.deepEqual(await shop.proofs(), proofs);
    assert.equal(await shop.canSee(signUp.body.user.id, customer.id), true);

    const signIn = await shop.browser().verifyPhone("+4915123456789");
    assert.equal(signIn.status, 200);
    assert.equal(signIn.body.user.id, signUp.body.user.id);
    assert.equal((await shop.users()).length, 1);
    assert.deepEqual(await shop.proofs(), proofs, "a sign-in adds no proof");
  },

  async phone_plugin_sign_in_with_a_respelled_number_is_a_second_user_of_the_customer(shop) {
    const first = await shop.browser().verifyPhone("+4915123456789");
    const second = await shop.browser().verifyPhone("0151 23456789");
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.notEqual(first.body.user.id, second.body.user.id);
    const [customer, ...others] = await shop.customers();
    assert.deepEqual(others, []);
    assert.deepEqual((await shop.users()).map((user) => user.customer_id), [customer.id, customer.id]);
    assert.equal(await shop.canSee(second.body.user.id, customer.id), true);
  },

  async verified_number_goes_before_a_claimed_one(shop) {
    const browser = shop.browser();
    await browser.signUp({ phone: otherPhone });
    const change = await browser.verifyPhone("+4915123456789", { updatePhoneNumber: true });
    assert.equal(change.status, 200);
    assert.equal((await shop.users())[0].customer_id, await shop.customerOf(phone));
    assert.equal(change.body.user.customerId, await shop.customerOf(phone));
  },

  async wrong_code_proves_nothing(shop) {
    const browser = shop.browser();
    await browser.post("/phone-number/send-otp", { phoneNumber: phone });
    assert.equal((await browser.post("/phone-number/verify", { phoneNumber: phone, code: "none" })).status, 400);
    assert.deepEqual(await shop.users(), []);
    assert.deepEqual(await shop.customers(), []);
  },

  async verified_flag_that_flips_alone_is_no_proof(shop) {
    // An imported user: Better Auth itself never stores an unverified phoneNumber.
    await shop.browser().signUp();
    const [{ id }] = await shop.users();
    const column = shop.phoneNumberColumn;
    await shop.rows(`UPDATE "user" SET ${column} = $1`, ["+4915123456789"]);
    const signIn = await shop.browser().verifyPhone("+4915123456789");
    assert.equal(signIn.status, 200);
    assert.equal(signIn.body.user.id, id);
    const [user] = await shop.users();
    assert.equal(user.verified, true);
    assert.deepEqual(await shop.proofs(), []);
    assert.equal(await shop.canSee(id, user.customer_id), false);
    await shop.rows("SELECT customer_identity.record_proof($1, $2, 'sms')", [user.phone_number, id]);
    assert.equal(await shop.canSee(id, user.customer_id), true);
  },

  async change_of_number_moves_the_user_and_leaves_orders_with_the_old_customer(shop) {
    const browser = shop.browser();
    const { body } = await browser.verifyPhone("+4915123456789");
    const old = await shop.customerOf(phone);
    await shop.order({ user_id: body.user.id, total: 25, status: "paid" });
    assert.equal((await browser.verifyPhone("0151 98765432", { updatePhoneNumber: true })).status, 200);
    const next = await shop.customerOf(otherPhone);
    assert.notEqual(next, old);
    const [user] = await shop.users();
    assert.equal(user.customer_id, next);
    assert.equal(user.phone_number, "0151 98765432");
    assert.equal((await shop.one("SELECT customer_id FROM orders")).customer_id, old);
    const [first, second, ...more] = await shop.proofs();
    assert.deepEqual(more, []);
    assert.deepEqual([first.phone, first.ended_at instanceof Date], [phone, true]);
    assert.deepEqual([second.phone, second.customer_id, second.ended_at], [otherPhone, next, null]);
    assert.equal(await shop.canSee(user.id, old), false);
    assert.equal(await shop.canSee(user.id, next), true);
    const verified = (await shop.customers()).map((customer) => [customer.phone, customer.is_phone_verified]);
    assert.deepEqual(Object.fromEntries(verified), { [phone]: false, [otherPhone]: true });
  },

  async number_that_another_user_spells_alike_is_refused_by_better_auth(shop) {
    await shop.browser().verifyPhone("+4915123456789");
    const browser = shop.browser();
    await browser.signUp();
    const taken = await browser.verifyPhone("+4915123456789", { updatePhoneNumber: true });
    assert.equal(taken.status, 400);
    assert.equal((await shop.users()).filter((user) => user.customer_id !== null).length, 1);
  },

  async cleared_number_unlinks_the_user_and_ends_the_proof(shop) {
    const browser = shop.browser();
    const { body } = await browser.verifyPhone("+4915123456789");
    const customer = await shop.customerOf(phone);
    await shop.order({ user_id: body.user.id, total: 10, status: "paid" });
    assert.equal(await shop.canSee(body.user.id, customer), true);
    assert.equal((await browser.post("/update-user", { phoneNumber: null })).status, 200);
    const [user] = await shop.users();
    assert.deepEqual([user.phone_number, user.verified, user.customer_id], [null, false, null]);
    assert.ok((await shop.proofs()).every((proof) => proof.ended_at !== null));
    assert.equal((await shop.one("SELECT customer_id FROM orders")).customer_id, customer);
    assert.equal((await shop.customers())[0].is_phone_verified, false);
    assert.deepEqual(await shop.problems(), []);
  },

  async cleared_profile_phone_unlinks_the_user(shop) {
    const browser = shop.browser();
    await browser.signUp({ phone });
    assert.equal((await browser.post("/update-user", { phone: null })).status, 200);
    assert.deepEqual((await shop.users()).map((user) => [user.phone, user.customer_id]), [[null, null]]);
    assert.equal((await shop.customers()).length, 1, "the customer stays");
  },

  async junk_phone_signs_up_and_is_listed(shop) {
    for (const junk of ["call me maybe", "+49", "   ", "12", "x".repeat(5000)]) {
      const { status, body } = await shop.browser().signUp({ phone: junk });
      assert.equal(status, 200, junk);
      assert.equal(body.user.customerId, null, junk);
    }
    assert.deepEqual(await shop.customers(), []);
    const users = await shop.users();
    assert.ok(users.every((user) => user.customer_id === null));
    const problems = await shop.problems();
    assert.deepEqual(problems.map((row) => row.key).sort(), users.map((user) => user.id).sort());
    assert.ok(problems.every((row) => row.reason));
  },

  async phone_changed_to_junk_unlinks_and_back_links_again(shop) {
    const browser = shop.browser();
    await browser.signUp({ phone });
    const customer = await shop.customerOf(phone);
    assert.equal((await browser.post("/update-user", { phone: "no phone" })).status, 200);
    assert.equal((await shop.users())[0].customer_id, null);
    assert.equal((await shop.problems()).length, 1);
    assert.equal((await browser.post("/update-user", { phone: "0151 23456789" })).status, 200);
    assert.equal((await shop.users())[0].customer_id, customer);
  },

  async eight_sign_ups_at_once_with_a_new_phone_are_one_customer(shop) {
    const answers = await Promise.all(spellings.map((spelling) => shop.browser().signUp({ phone: spelling })));
    assert.deepEqual(answers.map((answer) => answer.status), spellings.map(() => 200));
    const [customer, ...others] = await shop.customers();
    assert.deepEqual(others, []);
    assert.deepEqual(answers.map((answer) => answer.body.user.customerId), spellings.map(() => customer.id));
    assert.deepEqual((await shop.users()).map((user) => user.customer_id), spellings.map(() => customer.id));
  },

  async deleted_user_leaves_the_orders_with_the_customer(shop) {
    const browser = shop.browser();
    await browser.signUp({ phone });
    const [{ id, customer_id: customer }] = await shop.users();
    await shop.order({ user_id: id, total: 30, status: "paid" });
    await shop.order({ user_id: id, phone: otherPhone, total: 12, status: "paid" });
    assert.equal((await browser.post("/delete-user", { password: "correct horse" })).status, 200);
    assert.deepEqual(await shop.users(), []);
    assert.deepEqual(
      await shop.rows("SELECT user_id, customer_id FROM orders"),
      [0, 1].map(() => ({ user_id: null, customer_id: customer })),
    );
    const [kept, ...others] = await shop.customers();
    assert.deepEqual(others, []);
    assert.deepEqual([kept.total_orders, Number(kept.total_spent)], [2, 42]);
    assert.equal((await shop.browser().signUp({ phone: "0151 23456789" })).body.user.customerId, customer);
  },

  async deleted_user_with_a_proof_can_come_back(shop) {
    const browser = shop.browser();
    const first = await browser.verifyPhone("+4915123456789");
    assert.equal((await browser.post("/delete-user", {})).status, 200);
    const second = await shop.browser().verifyPhone("+4915123456789");
    assert.equal(second.status, 200);
    const customer = await shop.customerOf(phone);
    assert.equal((await shop.users())[0].customer_id, customer);
    assert.notEqual(second.body.user.id, first.body.user.id);
    assert.equal(await shop.canSee(second.body.user.id, customer), true);
  },

  async guest_order_before_the_sign_up_belongs_to_the_same_customer(shop) {
    const order = await shop.order({ phone: "0151/23456789", total: 15, status: "paid" });
    const { body } = await shop.browser().signUp({ phone, name: "Ada" });
    assert.equal(body.user.customerId, order.customer_id);
    const [customer] = await shop.customers();
    assert.equal(customer.total_orders, 1);
  },

  async customer_sent_by_a_client_is_refused(shop) {
    await shop.browser().signUp({ phone });
    const victim = await shop.customerOf(phone);
    const browser = shop.browser();
    assert.equal((await browser.signUp({ customerId: victim })).status, 400);
    assert.equal((await shop.users()).length, 1);

    const byColumnName = await browser.signUp({ customer_id: victim });
    assert.equal(byColumnName.status, 200, "a field that nobody declared is ignored");
    assert.equal(byColumnName.body.user.customerId, null);
    assert.equal((await browser.post("/update-user", { customerId: victim })).status, 400);
    assert.equal((await browser.post("/update-user", { customer_id: victim, name: "Mallory" })).status, 200);
    const phonePlugin = await shop.browser().verifyPhone(otherPhone, { customerId: victim });
    assert.equal(phonePlugin.status, 400);
    const linked = (await shop.users()).filter((user) => user.customer_id === victim);
    assert.deepEqual(linked.map((user) => user.email), ["buyer1@shop.test"]);
  },
};

for (const adapter of ["built-in", "drizzle"]) {
  for (const ids of ["text", "uuid"]) {
    describe(`${adapter} adapter, ${ids} ids`, () => {
      const template = `clients_${adapter.replace("-", "_")}_${ids}`;
      before(() => prepareShop({ name: template, adapter, ids }));
      after(() => dropDatabase(template));
      for (const [name, scenario] of Object.entries(scenarios)) {
        test(name, async () => {
          const shop = await openShop({ template, name: `${template}_now`, adapter, ids });
          try {
            await scenario(shop);
            await shop.check();
          } finally {
            await shop.close();
          }
        });
      }
    });
  }
}
