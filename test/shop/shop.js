// A shop with made-up data on the server that this runs in, and visitors who talk to it over HTTP.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { administrator, startShop } from "../../examples/shop/dist/dev/start.js";

const pg = createRequire(new URL("../../examples/shop/", import.meta.url))("pg");

export { administrator };

let lines = 300;

/** A phone that nobody has had yet, as its last digits; `spell` writes it in the ways that people do. */
export const newLine = () => String((lines += 1) + 200).padStart(3, "0");
export const spell = {
  e164: (line) => `+4917604069${line}`,
  home: (line) => `0176 04069 ${line}`,
  abroad: (line) => `0049 (0)176-04069-${line}`,
};

export async function openShop() {
  const arrivals = new Map();
  const links = new Map();
  const shop = await startShop({
    port: 0,
    onSms: ({ to, body }) => arrivals.set(to, body.match(/\d{6}/)[0]),
    onEmail: ({ to, text }) => links.set(to, text),
  });
  const pools = {};

  return {
    url: shop.url,
    close: async () => {
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      await shop.close();
    },

    /** The rows of a query as some role of the database. */
    async rows(text, values, role = "shop_owner") {
      pools[role] ??= new pg.Pool({ database: "shop", user: role, max: 2 });
      return (await pools[role].query(text, values)).rows;
    },

    /** The newest code that was sent to a phone in E.164. */
    async code(phone) {
      for (let waited = 0; waited < 10_000; waited += 20) {
        if (arrivals.has(phone)) {
          const code = arrivals.get(phone);
          arrivals.delete(phone);
          return code;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.fail(`no code came to ${phone}`);
    },

    /** The newest link that was sent to an address. */
    link: (email) => links.get(email),

    visitor: () => visitor(shop.url),

    async admin() {
      const admin = visitor(shop.url);
      const { email, password } = administrator;
      assert.equal((await admin.post("/api/auth/sign-in/email", { email, password })).status, 200);
      return admin;
    },

    async signUp(fields = {}) {
      const shopper = visitor(shop.url);
      const email = `buyer${(lines += 1)}@shop.test`;
      const body = { name: "Test Buyer", email, password: "correct horse", ...fields };
      const answer = await shopper.post("/api/auth/sign-up/email", body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return Object.assign(shopper, { user: answer.body.user, email });
    },
  };
}

/** Keeps its cookies, so that a request after sign-up is that user's. */
function visitor(url) {
  const cookies = new Map();

  async function request(method, path, body, headers = {}) {
    const isForm = body instanceof URLSearchParams;
    const response = await fetch(url + path, {
      method,
      redirect: "manual",
      headers: {
        origin: url,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(body && !isForm && { "content-type": "application/json" }),
        ...headers,
      },
      body: isForm || body === undefined ? body : JSON.stringify(body),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    return {
      status: response.status,
      type,
      headers: response.headers,
      body: text && type.includes("json") ? JSON.parse(text) : text,
    };
  }

  return {
    request,
    get: (path) => request("GET", path),
    post: (path, body) => request("POST", path, body),
    put: (path, body) => request("PUT", path, body),
  };
}

export const order = (fields) => ({
  name: "Guest Person",
  phone: "0176 04069 900",
  address: "Lindenstieg 1, Hamburg",
  items: [{ sku: "tea", quantity: 2 }],
  payment: "card",
  ...fields,
});

/** A problem as the API answers it. */
export function assertProblem(answer, status, sqlstate) {
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.type, /^application\/problem\+json/);
  assert.equal(answer.body.status, status);
  assert.equal(answer.body.sqlstate, sqlstate);
}
