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
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
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

async function signIn() {
  const page = await open("/sign-in");
  await page.getByLabel("E-mail").fill(administrator.email);
  await page.getByLabel("Password").fill(administrator.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("link", { name: "Customers" }).waitFor();
  return page.context().storageState();
}

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
  await page.getByLabel("Name").fill("Gerda Gast");
  await page.getByLabel("Phone").fill(phone);
  await page.getByLabel("Address").fill("Lindenstieg 3, Hamburg");
  await page.getByLabel(payment).check();
  await page.getByRole("button", { name: "Place the order" }).click();
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
  await page.getByRole("alert").getByText("This phone number cannot be read").waitFor();
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
];
const paths = [
  "/",
  "/checkout?tea=1",
  "/sign-in",
  "/sign-up",
  "/orders",
  "/back-office?page_size=12",
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
