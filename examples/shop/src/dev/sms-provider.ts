// Stands in for Twilio: takes messages in its form, shows them at its own address and sends nothing.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface SmsMessage {
  to: string;
  body: string;
}

export async function startSmsProvider(onMessage: (message: SmsMessage) => void) {
  const messages: SmsMessage[] = [];
  const server = createServer(async (request, response) => {
    if (request.method !== "POST") {
      response.setHeader("content-type", "text/plain; charset=utf-8");
      response.end(
        messages.map(({ to, body }) => `${to}  ${body}\n`).join("") || "No message yet.\n",
      );
      return;
    }
    const form = new URLSearchParams(await text(request));
    const message = { to: form.get("To") ?? "", body: form.get("Body") ?? "" };
    messages.unshift(message);
    onMessage(message);
    response.writeHead(201, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        sid: `SM${messages.length.toString(16).padStart(32, "0")}`,
        status: "queued",
      }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
