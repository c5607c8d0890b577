// What `make shop` runs: the shop with made-up data, until Ctrl-C.
import { administrator, startShop } from "./start.js";

console.log("making up customers and orders");
const shop = await startShop({
  port: Number(process.env.PORT ?? 0),
  onSms: ({ to, body }) => console.log(`SMS to ${to}: ${body}`),
  onEmail: ({ to, subject, text }) => {
    if (to !== administrator.email) console.log(`E-mail to ${to}: ${subject}\n  ${text}`);
  },
});

console.log(`
The shop      ${shop.url}
Back office   ${shop.url}/back-office
Administrator ${administrator.email}, password: ${administrator.password}
Messages      ${shop.smsUrl} (and below, e-mail as well)

Ctrl-C ends it and removes everything.
`);

process.once("SIGINT", shop.close);
process.once("SIGTERM", shop.close);
