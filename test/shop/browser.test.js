// The shop in Chromium: what a visitor sees and can do, by mouse, keyboard and on a phone. SCREENSHOTS=1
// writes the pictures in docs/shop.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";
import { administrator, newLine, openShop, spell } from "./shop.js";

const pictures = process.env.SCREENSHOTS
  ? new URL("../../docs/shop/", import.meta.url).pathname
  : null;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const phoneSize = { width: 390, height: 780 };

let shop;
let chrome;
let complaints = [];

before(async () => {
  shop = await openShop();
  chrome = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await chrome?.close();
  await shop?.close();
});

afterEach(() => {
  assert.deepEqual(complaints.splice(0), [], "no page complains or asks another host");
});

/** A page in a browser of its own; what it says to the console, and asks of others, is a fault. */
async function open(path, options = {}) {
  const context = await chrome.newContext({ viewport: { width: 960, height: 720 }, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A status like 403 or 409 is meant.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text()))
      complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(shop.url)) complaints.push(request.url());
  });
  await page.goto(shop.url + path);
  return page;
}

/** One session serves all tests: a password takes its time. */
let session;

async function openAsAdmin(options) {
  session ??= await signIn();
  return open("/back-office", { ...options, storageState: session });
}

async function signInAs(page) {
  await page.getByLabel("E-mail").fill(administrator.email);
  await page.getByLabel("Password").fill(administrator.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("link", { name: "Customers" }).waitFor();
  return page;
}

const signIn = async () => (await signInAs(await open("/sign-in"))).context().storageState();

async function signUp(name, phone) {
  const page = await open("/sign-up");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(`${name.replaceAll(/\W/g, "")}${newLine()}@shop.test`);
  await page.getByLabel("Phone").fill(phone);
  await page.getByLabel("Password").fill("correct horse");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "Goods" }).waitFor();
  return page;
}

async function fillCheckout(page, { phone, payment }) {
  await page.getByLabel("Assam tea").fill("2");
  await page.getByLabel("Stoneware cup").fill("1");
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await fillAddress(page, { phone, payment });
}

async function fillAddress(page, { phone, payment, name = "Gerda Gast", ...click }) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Phone").fill(phone);
  await page.getByLabel("Address").fill("Lindenstieg 3, Hamburg");
  await page.getByLabel(payment).check();
  await page.getByRole("button", { name: "Place the order" }).click(click);
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

const inDocuments = [
  "verification",
  "customers-light",
  "customers-phone",
  "customer-dark",
  "conflict",
  "insight-light",
];

async function picture(page, name) {
  if (pictures && inDocuments.includes(name))
    await page.screenshot({ path: `${pictures}${name}.png` });
}

/** No fault that axe finds, by all its rules or some, and nothing to scroll sideways for. */
async function assertUsable(page, rules) {
  await page.evaluate(axe);
  const options = rules ? { runOnly: rules } : {};
  const { violations } = await page.evaluate((asked) => globalThis.axe.run(asked), options);
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
  );
  assert.deepEqual(found, [], page.url());
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(sideways <= 0, `${page.url()} is ${sideways} pixels too wide`);
}

test("two_sign_ups_in_two_spellings_are_one_customer_with_two_logins", async () => {
  const line = newLine();
  const first = await signUp("Nora Nord", spell.home(line));
  assert.ok(
    await first.getByText("Your e-mail address is not confirmed yet").isVisible(),
    "a soft reminder",
  );
  await signUp("N. Nord", spell.abroad(line));

  const admin = await openAsAdmin();
  await admin.getByLabel("Search").fill(spell.home(line));
  await admin.locator("main").getByText("1 found.").waitFor();
  await admin.getByRole("link", { name: "Nora Nord" }).click();
  await heading(admin, "Nora Nord");
  await admin.getByText(spell.home(line)).waitFor();
  await admin.getByText(spell.abroad(line)).waitFor();
});

test("guest_pays_by_card", async () => {
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(newLine()), payment: "Card" });
  await heading(page, "Thank you");
});

test("cash_on_delivery_asks_for_the_code_and_then_goes_through", async () => {
  const line = newLine();
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(line), payment: "Cash on delivery" });
  await heading(page, "Verify your phone");
  await picture(page, "verification");
  const code = await shop.code(spell.e164(line));
  await page.getByLabel("Code").fill(code === "000000" ? "000001" : "000000");
  await page.getByRole("button", { name: "Verify and place the order" }).click();
  await page.getByRole("alert").getByText("That is not the code.").waitFor();
  await page.getByLabel("Code").fill(code);
  await page.getByRole("button", { name: "Verify and place the order" }).click();
  await heading(page, "Thank you");
});

const ordersOf = async (line) =>
  (
    await shop.rows("SELECT total_orders AS n FROM customers WHERE phone = $1", [spell.e164(line)])
  )[0]?.n ?? 0;

test("thank_you_page_that_is_loaded_again_places_nothing", async () => {
  const line = newLine();
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(line), payment: "Card" });
  await heading(page, "Thank you");
  assert.match(page.url(), /\/thank-you\/\d+$/, "a page of its own");
  await page.reload();
  await heading(page, "Thank you");
  await page.getByText("2 × Assam tea").waitFor();
  assert.equal(await ordersOf(line), 1);

  await page.goBack();
  await fillAddress(page, { phone: spell.home(line), payment: "Card" });
  await page.getByText("It was placed once.").waitFor();
  assert.equal(await ordersOf(line), 1, "the same checkout is the same order");
  await page.getByRole("link", { name: "Keep shopping" }).click();
  await fillCheckout(page, { phone: spell.home(line), payment: "Card" });
  await heading(page, "Thank you");
  assert.equal(await ordersOf(line), 2, "a new checkout is a new one");
});

test("shopper_who_goes_back_places_nothing_twice", async () => {
  const line = newLine();
  const page = await signUp("Bruno Back", spell.home(line));
  await fillCheckout(page, { phone: spell.home(line), payment: "Card" });
  await heading(page, "Thank you");
  await page.goBack();
  await page.reload();
  await fillAddress(page, { phone: spell.home(line), payment: "Card" });
  await page.getByText("It was placed once.").waitFor();
  assert.equal(await ordersOf(line), 1);
});

for (const javaScriptEnabled of [true, false]) {
  test(`double_click_is_one_order_${javaScriptEnabled ? "with" : "without"}_a_script`, async () => {
    const line = newLine();
    const page = await open("/checkout?tea=2", { javaScriptEnabled });
    await fillAddress(page, { phone: spell.home(line), payment: "Card", clickCount: 2 });
    await heading(page, "Thank you");
    assert.equal(await ordersOf(line), 1);
  });
}

test("checkout_in_two_tabs_is_one_order_and_another_cart_is_another", async () => {
  const line = newLine();
  const first = await open("/checkout?tea=2");
  const tab = async (path) => {
    const page = await first.context().newPage();
    await page.goto(shop.url + path);
    return page;
  };
  const same = await tab("/checkout?tea=2");
  const other = await tab("/checkout?pot=1");
  for (const page of [first, same, other]) {
    await fillAddress(page, { phone: spell.home(line), payment: "Card" });
    await heading(page, "Thank you");
  }
  assert.equal(same.url(), `${first.url()}?again`);
  await other.getByText("1 × Cast-iron teapot").waitFor();
  assert.equal(await ordersOf(line), 2);
});

test("thank_you_page_is_for_who_placed_the_order", async () => {
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(newLine()), payment: "Card" });
  await heading(page, "Thank you");
  const { pathname } = new URL(page.url());
  const stranger = await open(pathname);
  await heading(stranger, "Nothing here");

  const line = newLine();
  const shopper = await signUp("Sonja Schließt", spell.home(line));
  await fillCheckout(shopper, { phone: spell.home(line), payment: "Card" });
  await heading(shopper, "Thank you");
  const theirs = shopper.url();
  await shopper.getByRole("button", { name: "Sign out" }).click();
  await shopper.getByRole("link", { name: "Sign in" }).waitFor();
  await shopper.goto(theirs);
  await heading(shopper, "Sign in");
});

test("another_code_too_soon_leaves_the_field_for_the_first", async () => {
  const line = newLine();
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(line), payment: "Cash on delivery" });
  await page.getByText(`+49 176 04069${line}`).waitFor();
  const code = await shop.code(spell.e164(line));
  for (let i = 0; i < 2; i += 1) {
    await page.getByRole("button", { name: "Send another code" }).click();
    await page.getByRole("alert").getByText("Another code can be sent in").waitFor();
  }
  // Sent anew from the start, by the back button for instance, the checkout finds the code as well.
  await page.goto(`${shop.url}/checkout?tea=2&cup=1`);
  await fillAddress(page, { phone: spell.abroad(line), payment: "Cash on delivery" });
  await page.getByRole("alert").getByText("Another code can be sent in").waitFor();
  await assertUsable(page);
  await page.getByLabel("Code").fill(code);
  await page.keyboard.press("Enter");
  await heading(page, "Thank you");
});

test("code_that_is_sent_twice_without_a_script_places_one_order", async () => {
  const line = newLine();
  const page = await open("/checkout?tea=2", { javaScriptEnabled: false });
  await fillAddress(page, { phone: spell.home(line), payment: "Cash on delivery" });
  await page.getByLabel("Code").fill(await shop.code(spell.e164(line)));
  await page.getByRole("button", { name: "Verify" }).click({ clickCount: 2 });
  await heading(page, "Thank you");
  await page.goBack();
  await page.goBack();
  await fillAddress(page, { phone: spell.home(line), payment: "Card" });
  await page.getByText("It was placed once.").waitFor();
});

test("another_code_replaces_the_first", async () => {
  const line = newLine();
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(line), payment: "Cash on delivery" });
  await shop.code(spell.e164(line));
  // The pause between two codes to one phone is for people.
  await shop.rows("DELETE FROM customer_identity.verification_events", [], "postgres");
  await page.getByRole("button", { name: "Send another code" }).click();
  await page.getByText("We sent another code to").waitFor();
  await page.getByLabel("Code").fill(await shop.code(spell.e164(line)));
  await page.keyboard.press("Enter");
  await heading(page, "Thank you");
});

test("sign_in_by_phone_keeps_its_field_when_another_code_is_asked_for", async () => {
  const line = newLine();
  const page = await open("/sign-in/phone");
  await page.getByLabel("Phone").fill("12");
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByText("This phone number cannot be read").waitFor();
  await page.getByLabel("Phone").fill(spell.home(line));
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByLabel("Name").fill("Nele Neu");
  await page.getByRole("button", { name: "Send another code" }).click();
  await page.getByRole("alert").getByText("Another code can be sent in").waitFor();
  const code = await shop.code(spell.e164(line));
  await page.getByLabel("Code").fill(code === "000000" ? "000001" : "000000");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("That is not the code").waitFor();
  assert.equal(await page.getByLabel("Name").inputValue(), "Nele Neu");
  await assertUsable(page);
  await page.getByLabel("Code").fill(code);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out Nele Neu" }).waitFor();
});

test("quantities_are_refused_before_anything_else_is_asked", async () => {
  const page = await open("/");
  const tea = page.getByLabel("Assam tea");
  for (const wrong of ["21", "-1", "1.5"]) {
    await tea.fill(wrong);
    await page.getByRole("button", { name: "Go to checkout" }).click();
    assert.ok(
      await tea.evaluate((input) => !input.validity.valid && input.matches(":focus")),
      wrong,
    );
  }
  await page.goto(`${shop.url}/checkout?tea=21&pot=2`);
  await heading(page, "Goods");
  assert.equal(await tea.getAttribute("aria-invalid"), "true");
  assert.deepEqual(
    [await tea.inputValue(), await page.getByLabel("teapot").inputValue()],
    ["21", "2"],
  );
  await page.getByText("Please enter a whole number, from 0 to 20.").waitFor();
  await assertUsable(page);
  await tea.fill("0");
  await page.getByLabel("teapot").fill("0");
  await page.getByRole("button", { name: "Go to checkout" }).click();
  await page.getByRole("alert").getByText("Please choose something").waitFor();
});

test("refused_checkout_keeps_everything_that_was_typed", async () => {
  const line = newLine();
  const page = await open("/checkout?tea=2&cup=1");
  await page.locator("input[name=tea]").evaluate((input) => (input.value = "99"));
  await fillAddress(page, { phone: spell.home(line), name: " ", payment: "Card" });
  await page.getByText("Please enter your name").waitFor();
  await page.getByText("Please enter a whole number, from 0 to 20.").waitFor();
  await assertUsable(page);
  const typed = async (label) => page.getByLabel(label).inputValue();
  assert.deepEqual(
    [await typed("Assam"), await typed("cup"), await typed("Phone"), await typed("Address")],
    ["99", "1", spell.home(line), "Lindenstieg 3, Hamburg"],
  );
  await page.getByLabel("Assam").fill("2");
  await page.getByLabel("Name").fill("Gerda Gast");
  await page.getByRole("button", { name: "Place the order" }).click();
  await heading(page, "Thank you");
});

test("shopper_whose_session_ended_is_asked_before_ordering_as_a_guest", async () => {
  const line = newLine();
  const page = await signUp("Ada Ab", spell.home(line));
  await page.goto(`${shop.url}/checkout?tea=2`);
  await page.context().clearCookies();
  await fillAddress(page, { phone: spell.home(line), payment: "Card" });
  await page.getByRole("alert").getByText("You are not signed in any more").waitFor();
  assert.equal(await page.getByLabel("Address").inputValue(), "Lindenstieg 3, Hamburg");
  await page.getByRole("button", { name: "Place the order" }).click();
  await heading(page, "Thank you");
});

test("buttons_are_disabled_while_they_work", async () => {
  const line = newLine();
  const page = await open("/checkout?tea=2");
  let answer;
  const asked = new Promise((resolve) => (answer = resolve));
  await page.route("**/checkout", async (route) => {
    await asked;
    await route.continue();
  });
  // The page tells it itself: while another one is on its way, nobody else can ask.
  await page.evaluate(() =>
    addEventListener("submit", ({ submitter }) =>
      setTimeout(() => console.info(`disabled: ${submitter.disabled}`), 100),
    ),
  );
  const told = page.waitForEvent("console");
  await fillAddress(page, { phone: spell.home(line), payment: "Card", noWaitAfter: true });
  assert.equal((await told).text(), "disabled: true");
  answer();
  await heading(page, "Thank you");
  await page.goBack();
  const button = page.getByRole("button", { name: "Place the order" });
  assert.ok(await button.isEnabled(), "the page that comes back can be used");
});

test("cash_on_delivery_can_be_exchanged_for_a_card", async () => {
  const page = await open("/");
  await fillCheckout(page, { phone: spell.home(newLine()), payment: "Cash on delivery" });
  await page.getByRole("button", { name: "Pay by card instead" }).click();
  await heading(page, "Thank you");
});

test("shopper_pays_in_cash_after_the_code_and_sees_the_order", async () => {
  const line = newLine();
  const page = await signUp("Berta Bar", spell.home(line));
  await fillCheckout(page, { phone: spell.home(line), payment: "Cash on delivery" });
  await page.getByLabel("Code").fill(await shop.code(spell.e164(line)));
  await page.keyboard.press("Enter");
  await heading(page, "Thank you");
  await page.getByRole("link", { name: "Your orders" }).click();
  await page.getByRole("cell", { name: "cash on delivery" }).waitFor();
});

test("unreadable_phone_keeps_what_was_typed", async () => {
  const page = await open("/");
  await fillCheckout(page, { phone: "12", payment: "Card" });
  await page.getByText("This phone number cannot be read").waitFor();
  assert.equal(await page.getByLabel("Phone").getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Address").inputValue(), "Lindenstieg 3, Hamburg");
});

test("code_signs_in_and_opens_the_history", async () => {
  const line = newLine();
  const guest = await open("/");
  await fillCheckout(guest, { phone: spell.home(line), payment: "Card" });
  await heading(guest, "Thank you");

  const page = await open("/sign-in/phone");
  await page.getByLabel("Phone").fill(spell.abroad(line));
  await page.getByRole("button", { name: "Send a code" }).click();
  await page.getByLabel("Code").fill(await shop.code(spell.e164(line)));
  await page.getByLabel("Name").fill("Gerda Gast");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Your orders" }).click();
  await page.getByText("2 × Assam tea").waitFor();
  await assertUsable(page);
});

test("order_is_placed_with_the_keyboard_alone", async () => {
  const page = await open("/");
  const keys = page.keyboard;
  const tabTo = async (id) => {
    for (let i = 0; i < 30; i += 1) {
      await keys.press("Tab");
      if (
        (await page.evaluate(
          () => document.activeElement?.id || document.activeElement?.textContent,
        )) === id
      )
        return;
    }
    assert.fail(`the Tab key does not reach ${id}`);
  };
  await tabTo("Skip to content");
  await keys.press("Enter");
  await tabTo("tea");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.equal(outline, "3px", "the focus is seen");
  await keys.type("3");
  await keys.press("Enter");
  await heading(page, "Checkout");
  for (const [id, text] of [
    ["name", "Kay Board"],
    ["phone", spell.home(newLine())],
    ["address", "Weg 1"],
  ]) {
    await tabTo(id);
    await keys.type(text);
  }
  await keys.press("Enter");
  await heading(page, "Thank you");
});

test("admin_searches_while_typing_sorts_filters_and_pages", async () => {
  const page = await openAsAdmin();
  await page.evaluate(() => (globalThis.sameDocument = true));
  const search = page.getByLabel("Search");
  await search.pressSequentially("fahndrich", { delay: 20 });
  await page.getByRole("link", { name: "Fähndrich" }).first().waitFor();
  await page.waitForFunction(() =>
    [...document.querySelectorAll("#results tbody a")].every((a) =>
      /Fähndrich/.test(a.textContent),
    ),
  );
  assert.ok(await search.evaluate((input) => input === document.activeElement), "the focus stays");
  await page.getByLabel("Sort").selectOption("Spent most");
  await page.waitForURL(/sort=-total_spent/);
  const spent = (await page.locator("#results td[data-label=Spent]").allTextContents()).map(
    (text) => Number(text.replace(/[^\d.]/g, "")),
  );
  assert.deepEqual(
    spent,
    spent.toSorted((a, b) => b - a),
  );
  await page.getByText("Filters").click();
  await page.getByLabel("Phone verified").selectOption("yes");
  await page.waitForURL(/verified=true/);
  assert.equal(await page.locator("#results .badge:not(.good)").count(), 0);
  assert.ok(await page.evaluate(() => globalThis.sameDocument), "no page was loaded");
  await page.reload();
  assert.equal(await search.inputValue(), "fahndrich", "the address has it all");

  await page.goto(`${shop.url}/back-office`);
  const first = await page.locator("#results tbody a").first().textContent();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByRole("link", { name: "First page" }).waitFor();
  assert.notEqual(await page.locator("#results tbody a").first().getAttribute("href"), first);
});

test("note_is_edited_in_place_and_a_conflict_loses_nothing", async () => {
  const line = newLine();
  await signUp("Conny Flickt", spell.home(line));
  const pages = [await openAsAdmin(), await openAsAdmin()];
  for (const page of pages) {
    await page.goto(`${shop.url}/back-office?search=${encodeURIComponent(spell.home(line))}`);
    await page.getByRole("link", { name: "Conny Flickt" }).click();
    await page.getByLabel("Notes").waitFor();
  }
  const [mine, theirs] = pages;
  await theirs.getByLabel("Notes").fill("Calls before noon.");
  await theirs.getByRole("button", { name: "Save" }).click();
  await theirs.locator("main").getByText("Saved.").waitFor();
  await theirs.getByText("Edited").waitFor();

  await mine.evaluate(() => (globalThis.sameDocument = true));
  await mine.getByLabel("Notes").fill("Never calls.");
  await mine.getByRole("button", { name: "Save" }).click();
  const alert = mine.getByRole("alert");
  await alert.getByText("Calls before noon.").waitFor();
  assert.equal(await mine.getByLabel("Notes").inputValue(), "Never calls.");
  await picture(mine, "conflict");
  await assertUsable(mine);
  await mine.getByRole("button", { name: "Save" }).click();
  await mine.locator("main").getByText("Saved.").waitFor();
  assert.ok(await mine.evaluate(() => globalThis.sameDocument), "no page was loaded");
  await theirs.reload();
  assert.equal(await theirs.getByLabel("Notes").inputValue(), "Never calls.");
});

test("admin_lands_in_the_back_office_or_where_the_session_ended", async () => {
  const page = await signInAs(await open("/sign-in"));
  await heading(page, "Customers");
  const path = await page.locator("#results tbody a").first().getAttribute("href");
  const customer = await signInAs(await open(`${path}?x=1`));
  await customer.getByLabel("Notes").waitFor();
  assert.equal(customer.url(), `${shop.url}${path}?x=1`);
  await signInAs(await open("/sign-in?next=https://elsewhere.test/"));
});

async function openFirstCustomer(options) {
  const page = await openAsAdmin(options);
  await page.locator("#results tbody a").first().click();
  await page.getByLabel("Notes").waitFor();
  return page;
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";
  test(`note_outlives_the_session_${how}_a_script`, async () => {
    const page = await openFirstCustomer({ javaScriptEnabled });
    const address = page.url();
    const note = `Typed for an hour ${how} a script.`;
    await page.getByLabel("Notes").fill(note);
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("You are not signed in any more").waitFor();
    assert.equal(await page.getByLabel("Notes").inputValue(), note);
    if (javaScriptEnabled) await assertUsable(page);
    await page.getByLabel("E-mail").fill(administrator.email);
    await page.getByLabel("Password").fill("is not this");
    await page.getByRole("button", { name: "Sign in and save" }).click();
    await page.getByRole("alert").getByText("is not right").waitFor();
    await page.getByLabel("Password").fill(administrator.password);
    await page.getByRole("button", { name: "Sign in and save" }).click();
    await page.locator("main").getByText("Saved.").waitFor();
    assert.equal(page.url(), address);
    await page.goto(address);
    assert.equal(await page.getByLabel("Notes").inputValue(), note);
  });
}

test("save_that_fails_says_so_and_loses_nothing", async () => {
  const page = await openFirstCustomer();
  await page.getByLabel("Notes").fill("Not to be lost.");
  const save = page.getByRole("button", { name: "Save" });
  const failures = [
    (route) => route.abort(),
    (route) => route.fulfill({ status: 502, body: "Bad Gateway" }),
    (route) => route.fulfill({ status: 500, contentType: "text/html", body: failurePage }),
  ];
  for (const fail of failures) {
    await page.route("**/back-office/customers/*", fail);
    await save.click();
    await page.getByRole("alert").getByText("Not saved yet.").waitFor();
    assert.equal(await page.getByLabel("Notes").inputValue(), "Not to be lost.");
    assert.ok(
      await save.evaluate((button) => button === document.activeElement),
      "the focus stays",
    );
    await assertUsable(page);
    await page.unroute("**/back-office/customers/*");
  }
  // The complaints of the browser about these three are meant.
  complaints = complaints.filter((text) => !/ERR_FAILED|status of 50/.test(text));
  await save.click();
  await page.locator("main").getByText("Saved.").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

const failurePage = '<main id="main"><p id="failure">Something went wrong on our side.</p></main>';

test("save_that_is_too_long_or_sent_twice_loses_nothing", async () => {
  const page = await openFirstCustomer();
  const notes = page.getByLabel("Notes");
  await notes.evaluate((area) => (area.maxLength = 20_000));
  await notes.fill("x".repeat(10_001));
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Please enter up to 10,000 characters.").waitFor();
  assert.equal((await notes.inputValue()).length, 10_001);

  const plain = await openFirstCustomer({ javaScriptEnabled: false });
  await plain.getByLabel("Notes").fill("Sent twice.");
  await plain.getByRole("button", { name: "Save" }).click();
  await plain.getByText("Saved.").waitFor();
  await plain.reload();
  await plain.getByText("Saved.").waitFor();
});

test("save_disables_its_button_until_it_is_done", async () => {
  const page = await openFirstCustomer();
  let answer;
  const asked = new Promise((resolve) => (answer = resolve));
  let requests = 0;
  await page.route("**/back-office/customers/*", async (route) => {
    requests += 1;
    await asked;
    await route.continue();
  });
  const save = page.getByRole("button", { name: "Save" });
  await save.dblclick();
  assert.ok(await save.isDisabled());
  answer();
  await page.locator("main").getByText("Saved.").waitFor();
  assert.deepEqual([await save.isEnabled(), requests], [true, 1]);
});

test("filters_that_cannot_be_read_are_marked_where_they_are", async () => {
  const typos = "min_orders=many&min_spent=-1&created_from=2026-13-01&verified=perhaps";
  const page = await openAsAdmin();
  await page.goto(`${shop.url}/back-office?search=Mara&sort=colour&page_size=no&hue=red&${typos}`);
  await heading(page, "Customers");
  await page.getByText("Please check the filters that are marked.").waitFor();
  assert.equal(await page.locator("[aria-invalid=true]").count(), 4);
  assert.equal(await page.getByLabel("Search").inputValue(), "Mara", "the rest stays");
  await assertUsable(page);

  // The same while typing, in the page that stays.
  await page.goto(`${shop.url}/back-office`);
  await page.getByText("Filters").click();
  const orders = page.getByLabel("Orders, at least");
  await orders.fill("-1");
  await page.getByText("Please enter a whole number").waitFor();
  assert.ok(await orders.evaluate((input) => input === document.activeElement));
  await assertUsable(page);
  await orders.fill("1");
  await page.locator("main").getByText("shown, there are more").waitFor();
  assert.equal(await page.locator("[aria-invalid=true], .wrong").count(), 0);
  await page.goto(`${shop.url}/back-office?sort=colour&hue=red`);
  await page.locator("main").getByText("shown, there are more").waitFor();
});

test("search_without_results_shows_a_way_out_and_no_table", async () => {
  const page = await openAsAdmin();
  await page.getByLabel("Search").fill("nobody is called this");
  await page.locator("main").getByText("Nobody was found.").waitFor();
  assert.equal(await page.locator("#results table").count(), 0);
  await page.getByRole("link", { name: "Show everybody" }).click();
  await page.locator("#results tbody a").first().waitFor();
});

test("search_that_fails_says_so", async () => {
  const page = await openAsAdmin();
  await page.route("**/back-office?**", (route) => route.abort());
  await page.getByLabel("Search").fill("Mara");
  await page.getByRole("alert").getByText("The shop cannot be reached").waitFor();
  await assertUsable(page);
  complaints = complaints.filter((text) => !/ERR_FAILED/.test(text));
});

test("phones_are_written_for_people", async () => {
  const page = await openAsAdmin();
  const shown = await page.locator("#results td[data-label=Phone]").allTextContents();
  assert.ok(shown.length > 0);
  for (const text of shown) assert.match(text, /^\s*\+49 176 \d+/);
  await page.locator("#results tbody a").first().click();
  await page.locator("dd", { hasText: /\+49 176 \d+/ }).waitFor();
  assert.doesNotMatch(await page.locator(".tiles").innerText(), /\+49176/);
});

test("nothing_is_cut_off_on_a_phone", async () => {
  const page = await openFirstCustomer({ viewport: phoneSize });
  await page.goto(`${shop.url}/back-office?sort=-total_orders&shared=true`);
  await page.locator("#results tbody a").first().click();
  await page.locator("td[data-label=Status]").first().waitFor();
  const outside = await page.evaluate(
    () =>
      [...document.querySelectorAll("main *")].filter((element) => {
        const { right, width } = element.getBoundingClientRect();
        return width > 0 && right > innerWidth;
      }).length,
  );
  assert.equal(outside, 0);
  assert.ok(await page.locator("td[data-label=Status]").first().isVisible());
});

test("charts_are_read_on_a_phone_and_the_week_that_is_not_over_is_marked", async () => {
  const page = await openAsAdmin({ viewport: phoneSize });
  await page.goto(`${shop.url}/back-office/insight`);
  const heights = await page
    .locator(".chart text, .bars dt")
    .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().height));
  assert.ok(heights.length >= 6 && heights.every((height) => height >= 14), String(heights));
  const overlaps = await page.locator(".chart text").evaluateAll((texts) => {
    const boxes = texts.map((text) => text.getBoundingClientRect());
    return boxes.some((a, i) =>
      boxes.some(
        (b, j) =>
          i < j && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom,
      ),
    );
  });
  assert.ok(!overlaps);
  assert.equal(await page.locator("rect.unfinished").count(), 1);
  await page.getByText("The outlined bar is this week, which is not over.").waitFor();
  await page.getByText("As a table").click();
  await page.getByRole("rowheader", { name: "not over yet" }).waitFor();
  await assertUsable(page);
});

test("link_that_is_too_old_says_so", async () => {
  const page = await signUp("Lea Link", spell.home(newLine()));
  await page.goto(`${shop.url}/api/auth/verify-email?token=x&callbackURL=/confirm-email`);
  await page.getByRole("alert").getByText("This link is too old").waitFor();
  await page.getByRole("button", { name: "Send another link" }).click();
  await page.getByText("We sent a link to").waitFor();
});

test("note_is_edited_without_a_script", async () => {
  const page = await openAsAdmin({ javaScriptEnabled: false });
  await page.locator("#results tbody a").first().click();
  await page.getByLabel("Notes").fill("Written without a script.");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("main").getByText("Saved.").waitFor();
});

// What light and dark, wide and narrow have in common is looked at once.
const looks = [
  { name: "light", options: {} },
  { name: "dark", options: { colorScheme: "dark" }, rules: ["color-contrast"] },
  { name: "phone", options: { viewport: phoneSize }, rules: ["target-size", "meta-viewport"] },
  {
    name: "phone_in_the_dark",
    options: { viewport: phoneSize, colorScheme: "dark" },
    rules: ["color-contrast", "target-size"],
  },
];
const paths = [
  "/",
  "/checkout?tea=1",
  "/sign-in",
  "/sign-up",
  "/sign-in/phone",
  "/checkout?tea=99",
  "/nothing",
  "/thank-you/1",
  "/confirm-email?error=x",
  "/orders",
  "/back-office?after=x",
  "/back-office?search=nobody+is+called+this",
  "/back-office?min_orders=-1",
  "/back-office?page_size=12&sort=-total_spent",
];

for (const { name, options, rules } of looks) {
  test(`pages_are_readable_${name}`, async () => {
    const page = await openAsAdmin(options);
    for (const path of paths) {
      await page.goto(shop.url + path);
      await assertUsable(page, rules);
    }
    await picture(page, `customers-${name}`);
    await page.goto(`${shop.url}/back-office/insight`);
    await assertUsable(page, rules);
    await picture(page, `insight-${name}`);
    await page.goto(`${shop.url}/back-office?sort=-total_orders&shared=true`);
    await page.locator("#results tbody a").first().click();
    await page.getByLabel("Notes").waitFor();
    await assertUsable(page, rules);
    await picture(page, `customer-${name}`);
  });
}

/** The page of a customer who has just signed up. */
async function openCustomer(name, line) {
  await signUp(name, spell.home(line));
  const page = await openAsAdmin();
  await page.goto(`${shop.url}/back-office?search=${encodeURIComponent(spell.home(line))}`);
  await page.getByRole("link", { name }).click();
  await page.getByLabel("Notes").waitFor();
  return page;
}

const part = (page, summary) =>
  page.locator("details").filter({ has: page.getByText(summary, { exact: true }) });

/** Opens a form, fills its fields and sends it. */
async function change(page, summary, fields, reason = "asked by phone") {
  const form = part(page, summary);
  if (!(await form.evaluate((details) => details.open))) await form.locator("summary").click();
  for (const [label, content] of Object.entries(fields)) await form.getByLabel(label).fill(content);
  if (reason) await form.getByLabel("Reason").fill(reason);
  await form.getByRole("button").click();
}

const isDone = (page) => page.locator("main [role=status]").getByText("Done.").waitFor();
const told = (page, text) => page.locator(".timeline").getByText(text).first().waitFor();

test("numbers_of_a_person_are_added_changed_and_released", async () => {
  const [line, further, changed] = [newLine(), newLine(), newLine()];
  const page = await openCustomer("Nora Nummer", line);
  await change(page, "Add a number", { "Further number": "12" });
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Further number").inputValue(), "12");
  assert.equal(await page.locator("#add-phone-reason").inputValue(), "asked by phone");
  await assertUsable(page);
  await change(page, "Add a number", { "Further number": spell.home(further) });
  await isDone(page);
  await told(page, "Number added");
  await part(page, "Change the number").locator("summary").click();
  await page.getByLabel("Keep the old number").check();
  await change(page, "Change the number", { "New number": spell.home(changed) });
  await isDone(page);
  await told(page, "Number changed");
  await change(page, "Release a number", { "Number that has": spell.home(further) });
  await isDone(page);
  await told(page, "Number released");

  const other = await openCustomer("Olga Andere", newLine());
  await change(other, "Add a number", { "Further number": spell.home(changed) });
  await other.getByRole("alert").getByText("another customer").waitFor();
});

test("login_is_unlinked_and_linked_again", async () => {
  const page = await openCustomer("Lina Login", newLine());
  const email = await page.locator(".people .line").first().textContent();
  await change(page, "Unlink a login", {});
  await isDone(page);
  await page.getByText("A guest: no login yet.").waitFor();
  await change(page, "Link a login", { "E-mail": "nobody@shop.test" });
  await page.getByRole("alert").getByText("There is no such login").waitFor();
  await change(page, "Link a login", { "E-mail": email });
  await isDone(page);
  await page.locator(".people").getByText(email).waitFor();
});

test("customers_are_merged_side_by_side_and_the_merge_is_undone", async () => {
  const line = newLine();
  await openCustomer("Vera Verliert", line);
  const page = await openCustomer("Greta Gewinnt", newLine());
  await part(page, "Merge with another customer").locator("summary").click();
  await page.getByLabel("Phone, name or id").fill("nobody is called this");
  await page.getByRole("button", { name: "Preview the merge" }).click();
  await page.getByRole("alert").getByText("Nobody was found").waitFor();
  await page.getByLabel("Phone, name or id").fill(spell.home(line));
  await page.getByRole("button", { name: "Preview the merge" }).click();
  await heading(page, "Merge two customers");
  await page.getByText("Side by side").waitFor();
  await assertUsable(page);
  await page.getByLabel("Reason").fill("the same person");
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  await heading(page, "Greta Gewinnt");
  assert.equal(await page.locator(".people li").count(), 2);
  await told(page, "Merged with another customer");
  await change(page, "Undo a merge", {});
  await isDone(page);
  assert.equal(await page.locator(".people li").count(), 1);
  await page.getByRole("link", { name: "The other customer" }).click();
  await heading(page, "Vera Verliert");
});

test("customer_is_split_by_ticking_logins", async () => {
  const line = newLine();
  await signUp("Paul Paar", spell.home(line));
  const page = await openCustomer("Paul Paar", line);
  await part(page, "Split").locator("summary").click();
  await part(page, "Split").getByRole("checkbox").first().check();
  await change(page, "Split", {}, "two people");
  await isDone(page);
  await told(page, "Split");
  assert.equal(await page.locator(".people li").count(), 1);
});

test("points_and_proofs_are_changed_with_a_reason", async () => {
  const line = newLine();
  const page = await openCustomer("Petra Punkte", line);
  await change(page, "Adjust points", { "Points to add": "25" }, "a present");
  await isDone(page);
  await page.locator(".tiles").getByText("25", { exact: true }).waitFor();
  await change(page, "Record a proof", {}, "showed the phone");
  await isDone(page);
  await page.locator(".tiles").getByText("verified", { exact: true }).waitFor();
  await change(page, "Revoke proofs", {}, "a mistake");
  await isDone(page);
  await page.locator(".tiles").getByText("not verified").waitFor();
  await change(page, "Send a code", {}, null);
  await isDone(page);
  await change(page, "Answer the code", { "Code that": "x" }, null);
  await page.getByRole("alert").waitFor();
  await change(page, "Answer the code", { "Code that": await shop.code(spell.e164(line)) }, null);
  await isDone(page);
  await page.locator(".tiles").getByText("verified", { exact: true }).waitFor();
});

test("rules_are_set_and_duplicates_are_dismissed", async () => {
  const line = newLine();
  await openCustomer("Hanna Haushalt", line);
  const page = await openAsAdmin();
  await page.goto(`${shop.url}/back-office/numbers`);
  await page.getByLabel("Number", { exact: true }).fill("12");
  await page.locator("#rule-new-reason").fill("a household");
  await page.locator("#rule-new-rule").selectOption("shared");
  await page.locator("#rule-new-button").click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.locator("#rule-new-rule").inputValue(), "shared");
  await page.getByLabel("Number", { exact: true }).fill(spell.home(line));
  await page.locator("#rule-new-button").click();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await assertUsable(page);

  await shop.rows(
    `INSERT INTO customers (phone, preferred_name) VALUES ('+4917604061234', 'Zoe Zwilling'), ('+4917604061243', 'Zoe Zwilling')`,
  );
  await page.goto(`${shop.url}/back-office/duplicates`);
  const pair = page.locator(".suspects > li").filter({ hasText: "Zoe Zwilling" });
  // Others of the same score come in the order of their ids.
  while ((await pair.count()) === 0) {
    await page.getByRole("link", { name: "Next page" }).click();
    await page.waitForLoadState();
  }
  await pair.locator("summary").click();
  await pair.getByLabel("Reason").fill("two sisters");
  await pair.getByRole("button", { name: "Dismiss" }).click();
  await pair.waitFor({ state: "detached" });
  await assertUsable(page);
});

test("person_is_exported_and_erased_after_a_preview", async () => {
  const page = await openCustomer("Egon Ende", newLine());
  const { pathname } = new URL(page.url());
  await page.getByRole("link", { name: "Export" }).click();
  await page.locator("pre").getByText("Egon Ende").first().waitFor();
  await assertUsable(page);
  await page.goto(`${shop.url}${pathname}/erase`);
  await page.getByText("This cannot be undone.").waitFor();
  await assertUsable(page);
  await page.getByLabel("Reason").fill("asked to be forgotten");
  await page.getByRole("button", { name: "Erase the person" }).click();
  await heading(page, "Customers");
  assert.equal((await page.goto(shop.url + pathname)).status(), 404);
});
