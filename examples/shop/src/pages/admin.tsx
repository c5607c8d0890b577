// The back office: the customers, one customer with all that is known, and figures about all.
import { type Context, Hono } from "hono";
import type { CustomerDetails } from "../domain/customer.js";
import { customerQueryOf } from "../http/admin-api.js";
import { Refusal, sqlState } from "../http/problem.js";
import * as requests from "../http/requests.js";
import type { AdminServices } from "../http/services.js";
import { type Env, requireAdmin } from "../http/session.js";
import { Editor, Timeline, Totals, Users } from "./customer.js";
import { Filters, nameOf, Results } from "./customer-list.js";
import { Figures } from "./insight.js";
import { type Form, page } from "./layout.js";
import { OrderTable } from "./orders.js";

export function adminPages({ customers, insight }: AdminServices) {
  const pages = new Hono<Env>();
  pages.use(requireAdmin);

  pages.get("/", async (c) => {
    // An empty field of the form is none.
    const form = Object.fromEntries(
      Object.entries(c.req.query()).filter(([, value]) => value !== ""),
    );
    const query = customerQueryOf(form);
    const found = await customers.list(query);
    return page(
      c,
      "Customers",
      <>
        <Filters form={form} query={query} />
        <Results found={found} form={form} />
      </>,
    );
  });

  pages.get("/insight", async (c) => {
    const [stats, all] = await Promise.all([insight.stats(), insight.fraudSuspects(0)]);
    const suspects = all.slice(0, 20);
    const people = await Promise.all(
      suspects.map(({ customer_id }) => customers.details(customer_id)),
    );
    const names = people.map((customer) => (customer ? nameOf(customer) : "gone"));
    return page(c, "Insight", <Figures stats={stats} suspects={suspects} names={names} />);
  });

  async function customerOf(id: string): Promise<CustomerDetails> {
    const customer = await customers.details(requests.uuid.parse(id));
    if (!customer) throw new Refusal(404, "there is no such customer");
    return customer;
  }

  async function customerPage(
    c: Context<Env>,
    id: string,
    edited: { draft?: Form; conflict?: boolean; saved?: boolean } = {},
  ) {
    const customer = await customerOf(id);
    const { after } = requests.page.parse(c.req.query());
    const [users, orders, history] = await Promise.all([
      customers.users(id),
      customers.orders(id, after),
      customers.history(id),
    ]);
    return page(
      c,
      nameOf(customer),
      <>
        <Totals customer={customer} />
        <Editor customer={customer} {...edited} />
        <h2>Logins</h2>
        {users.length === 0 ? <p>A guest: no login yet.</p> : <Users users={users} />}
        <h2>Orders</h2>
        {orders.items.length === 0 ? (
          <p>None.</p>
        ) : (
          <OrderTable orders={orders.items} caption="Orders of every login, newest first" />
        )}
        {orders.next && (
          <a href={`?${new URLSearchParams({ after: orders.next })}`}>Older orders</a>
        )}
        <h2>History</h2>
        <Timeline history={history} users={users} />
      </>,
      edited.conflict ? 409 : 200,
    );
  }

  pages.get("/customers/:id", (c) => customerPage(c, c.req.param("id")));

  pages.post("/customers/:id", async (c) => {
    const id = c.req.param("id");
    const draft = (await c.req.parseBody()) as Form;
    const filled = {
      ...draft,
      preferred_name: draft.preferred_name || null,
      notes: draft.notes || null,
    };
    const { expected_updated_at, ...changes } = requests.customerChanges.parse(filled);
    try {
      await customers.update(
        requests.uuid.parse(id),
        changes,
        expected_updated_at,
        c.var.user!.email,
      );
    } catch (error) {
      if (sqlState(error) === "CI004") return customerPage(c, id, { draft, conflict: true });
      throw error;
    }
    return customerPage(c, id, { saved: true });
  });

  return pages;
}
