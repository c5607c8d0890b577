// The administrator's API: each endpoint relays what a function of customer_identity returns.
import { Hono } from "hono";
import type { CustomerQuery } from "../domain/customer-repository.js";
import { actions, perform, phoneRule } from "./actions.js";
import { Refusal } from "./problem.js";
import { bodyOf, customerChanges, customerQuery, page, uuid } from "./requests.js";
import type { AdminServices } from "./services.js";
import { type Env, requireAdmin } from "./session.js";

/** What a query string asks for. */
export function customerQueryOf(query: Record<string, string>): CustomerQuery {
  const {
    search,
    sort,
    page_size,
    after,
    created_from: from,
    created_to: to,
    ...filters
  } = customerQuery.parse(query);
  return {
    search,
    filters: { ...filters, created: from || to ? { from, to } : undefined },
    sort,
    page_size,
    after,
  };
}

export function adminApi({ customers, lifecycle }: AdminServices) {
  const api = new Hono<Env>();
  api.use(requireAdmin);

  api.get("/customers", async (c) => c.json(await customers.list(customerQueryOf(c.req.query()))));

  api.get("/customers/:id", async (c) => {
    const customer = await customers.details(uuid.parse(c.req.param("id")));
    if (!customer) throw new Refusal(404, "there is no such customer");
    return c.json(customer);
  });

  api.get("/customers/:id/users", async (c) => {
    const id = uuid.parse(c.req.param("id"));
    if (!(await customers.details(id))) throw new Refusal(404, "there is no such customer");
    return c.json(await customers.users(id));
  });

  api.put("/customers/:id", async (c) => {
    const id = uuid.parse(c.req.param("id"));
    const { expected_updated_at, ...changes } = await bodyOf(c, customerChanges);
    return c.json(await customers.update(id, changes, expected_updated_at, c.var.user!.email));
  });

  api.get("/duplicates", async (c) =>
    c.json(await lifecycle.duplicates(page.parse(c.req.query()).after)),
  );

  api.get("/phone-suspects", async (c) => c.json(await lifecycle.phoneSuspects()));

  api.post("/phone-rules", async (c) => {
    const { phone, rule, reason } = await bodyOf(c, phoneRule);
    await lifecycle.setPhoneRule(phone, rule, { actor: c.var.user!.email, reason });
    return c.body(null, 204);
  });

  api.get("/customers/:id/merge-preview", async (c) => {
    const loser = uuid.parse(c.req.query("loser"));
    return c.json(await lifecycle.mergePreview(uuid.parse(c.req.param("id")), loser));
  });

  api.get("/customers/:id/export", async (c) =>
    c.json(await lifecycle.export(uuid.parse(c.req.param("id")))),
  );

  api.get("/customers/:id/erase-preview", async (c) =>
    c.json(await lifecycle.erasePreview(uuid.parse(c.req.param("id")))),
  );

  for (const [name, action] of Object.entries(actions))
    api.post(`/customers/:id/${name}`, async (c) => {
      const id = uuid.parse(c.req.param("id"));
      if (!(await customers.details(id))) throw new Refusal(404, "there is no such customer");
      const input = await bodyOf(c, action.schema);
      const result = await perform(lifecycle, action, id, input, c.var.user!.email);
      return c.json({ result });
    });

  return api;
}
