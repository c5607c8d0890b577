// Puts the parts together and listens, on loopback unless told otherwise; a proxy in front of it does the rest.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { GetOrCreateCustomerUseCase } from "./domain/get-or-create-customer.js";
import { PlaceOrderUseCase } from "./domain/place-order.js";
import { createApp } from "./http/app.js";
import { createAuth, type Email } from "./infrastructure/auth.js";
import { DatabaseInsight } from "./infrastructure/database-insight.js";
import { DatabaseLifecycle } from "./infrastructure/database-lifecycle.js";
import { DatabasePhones } from "./infrastructure/database-phones.js";
import { connect } from "./infrastructure/db.js";
import { DrizzleCustomerRepository } from "./infrastructure/drizzle-customer-repository.js";
import { DrizzleOrderRepository } from "./infrastructure/drizzle-order-repository.js";
import { SmsVerification } from "./infrastructure/sms-verification.js";

export interface ServerSettings {
  /** Connects as a role with the rights of the shop. */
  shopDatabase: string;
  /** Connects as a role with the rights of administrators. */
  adminDatabase: string;
  secret: string;
  /** 0: the kernel chooses. */
  port: number;
  /** Where to listen, if not on loopback: a container's proxy is outside. */
  host?: string;
  /** The address that visitors use, if it is not that of the port. */
  url?: string;
  sendEmail: (email: Email) => void;
}

export async function serve(
  settings: ServerSettings,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer();
  server.listen(settings.port, settings.host ?? "127.0.0.1");
  await once(server, "listening");
  const url = settings.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const shop = connect(settings.shopDatabase);
  const admin = connect(settings.adminDatabase);
  const orders = new DrizzleOrderRepository(shop.db);
  const verification = new SmsVerification(shop.db);
  const getOrCreateCustomer = new GetOrCreateCustomerUseCase(
    new DrizzleCustomerRepository(shop.db),
  );
  const placeOrder = new PlaceOrderUseCase(getOrCreateCustomer, orders);
  const { secret, sendEmail } = settings;
  const auth = createAuth({ db: shop.db, verification, baseURL: url, secret, sendEmail });
  const app = createApp(
    { auth, orders, placeOrder, verification, phones: new DatabasePhones(shop.db) },
    {
      customers: new DrizzleCustomerRepository(admin.db),
      insight: new DatabaseInsight(admin.db),
      lifecycle: new DatabaseLifecycle(admin.db),
      phones: new DatabasePhones(admin.db),
    },
  );
  server.on("request", getRequestListener(app.fetch));

  return {
    url,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await Promise.all([shop.close(), admin.close()]);
    },
  };
}
