// Starts the shop with what the environment says.
import { serve } from "./serve.js";
import { setting } from "./settings.js";

const shop = await serve({
  shopDatabase: setting("SHOP_DATABASE_URL"),
  adminDatabase: setting("ADMIN_DATABASE_URL"),
  secret: setting("BETTER_AUTH_SECRET"),
  port: Number(process.env.PORT ?? 0),
  host: process.env.HOST,
  url: process.env.SHOP_URL,
  sendEmail: ({ to, subject, text }) => console.log(`e-mail to ${to}: ${subject}\n${text}`),
});
console.log(`The shop is at ${shop.url}`);

process.once("SIGINT", shop.close);
process.once("SIGTERM", shop.close);
