// The shopper's side of the API: orders, and codes that verify a phone.
import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import { keyOf } from "./browser.js";
import { answer, bodyOf, newOrder, newVerification, page, uuid } from "./requests.js";
import { Refusal } from "./problem.js";
import type { ShopServices } from "./services.js";
import { clientAddress, type Env, phoneToVerify, requireUser } from "./session.js";

export function shopApi({ placeOrder, orders, verification }: ShopServices) {
  const api = new Hono<Env>();

  api.post("/orders", async (c) => {
    const order = await bodyOf(c, newOrder);
    const userId = c.var.user?.id ?? null;
    const sent = c.req.header("idempotency-key");
    // Two visitors may choose the same key: an order is the same only in all of its parts.
    const idempotencyKey = sent ? keyOf(userId, order, sent) : randomUUID();
    const { id, isNew } = await placeOrder.execute({ ...order, userId, idempotencyKey });
    return c.json({ id }, isNew ? 201 : 200);
  });

  api.get("/orders", requireUser, async (c) => {
    const { after } = page.parse(c.req.query());
    return c.json(await orders.visibleTo(c.var.user!.id, after));
  });

  api.post("/verifications", async (c) => {
    const { phone } = await bodyOf(c, newVerification);
    const started = await verification.start({
      phone: phoneToVerify(c.var.user, phone),
      purpose: "checkout",
      userId: c.var.user?.id ?? null,
      clientAddress: clientAddress(c),
    });
    if (started.status === "unsupported")
      throw new Refusal(422, "no code can be sent to this phone");
    if (started.status === "throttled") c.header("retry-after", String(started.retry_after));
    return c.json(started, started.status === "sent" ? 202 : 429);
  });

  api.post("/verifications/:id", async (c) => {
    const id = uuid.parse(c.req.param("id"));
    const { code } = await bodyOf(c, answer);
    const checked = await verification.check(id, code);
    return c.json(checked, checked.status === "approved" ? 200 : 422);
  });

  return api;
}
