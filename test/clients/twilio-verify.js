// Twilio Verify as far as the example uses it: a server of the test's own knows codes, and prism before it
// rejects requests and answers that do not conform to Twilio's description. Both are on loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const modules = new URL("../sms/node_modules/", import.meta.url);
const description = new URL("@twilio/cli-core/src/services/twilio-api/twilio_verify_v2.json", modules);
const prism = new URL("@stoplight/prism-cli/dist/index.js", modules);

const twilio = "https://verify.twilio.com";
const sid = (prefix) => prefix + "0123456789abcdef".repeat(2);
export const account = {
  TWILIO_ACCOUNT_SID: sid("AC"),
  TWILIO_AUTH_TOKEN: "token",
  TWILIO_VERIFY_SERVICE_SID: sid("VA"),
};

function verification(phone, status) {
  return {
    sid: sid("VE"),
    service_sid: sid("VA"),
    account_sid: sid("AC"),
    to: phone,
    channel: "sms",
    status,
    valid: status === "approved",
    amount: null,
    payee: null,
    date_created: "2015-07-30T20:00:00Z",
    date_updated: "2015-07-30T20:00:00Z",
  };
}

/** Answers as Twilio does: a code that was used or never sent is not found. */
function answer(codes, resource, form) {
  const phone = form.get("To");
  if (resource === "Verifications") {
    codes.set(phone, String(codes.size + 100001));
    return [201, { ...verification(phone, "pending"), lookup: {}, send_code_attempts: [], sna: null, url: twilio }];
  }
  if (!codes.has(phone)) return [404, { code: 20404, message: "not found", more_info: twilio, status: 404 }];
  if (codes.get(phone) !== form.get("Code")) return [200, verification(phone, "pending")];
  codes.delete(phone);
  return [200, verification(phone, "approved")];
}

async function serve(codes) {
  const server = createServer(async (request, response) => {
    const form = new URLSearchParams((await request.toArray()).join(""));
    const [status, body] = answer(codes, request.url.split("/").pop(), form);
    response.statusCode = status;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body)); // one piece with its length: some Node.js end an answer in chunks early
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function serveContract(upstream) {
  const options = ["proxy", "--errors", "--host", "127.0.0.1", "--port", "0", fileURLToPath(description), upstream];
  const process = spawn(globalThis.process.execPath, [fileURLToPath(prism), ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: process.stdout })) {
    const listening = line.match(/listening on (http:\/\/\S+:\d+)/);
    if (listening) return { process, url: listening[1] };
  }
  throw new Error("prism did not start");
}

/** Until close(), what fetch asks of Twilio is asked of it. `codes` has the code of each phone that waits for one. */
export async function startTwilioVerify() {
  const codes = new Map();
  const server = await serve(codes);
  const contract = await serveContract(`http://127.0.0.1:${server.address().port}`);
  const { fetch } = globalThis;
  globalThis.fetch = (url, options) => fetch(String(url).replace(twilio, contract.url), options);
  return {
    codes,
    async close() {
      globalThis.fetch = fetch;
      contract.process.kill();
      await once(contract.process, "exit");
      server.close();
    },
  };
}
