// The administrator's API: each endpoint relays what a function of customer_identity returns.
import { Hono } from "hono";
import type { CustomerQuery } from "../domain/customer-repository.js";
import { Refusal } from "./problem.js";
import { bodyOf, customerChanges, customerQuery, uuid } from "./requests.js";
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

export function adminApi({ customers }: AdminServices) {
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

  return api;
}
