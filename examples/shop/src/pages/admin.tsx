// The back office: the customers, one customer with all that is known, and figures about all.
import { type Context, Hono } from "hono";
import type { Customer, CustomerDetails } from "../domain/customer.js";
import { customerQueryOf } from "../http/admin-api.js";
import { Refusal, sqlState } from "../http/problem.js";
import * as requests from "../http/requests.js";
import type { AdminServices } from "../http/services.js";
import { type Env, requireAdmin } from "../http/session.js";
import { signInToSave } from "./account.js";
import { type Edit, Editor, Timeline, Totals, Users } from "./customer.js";
import { Filters, nameOf, NoSearch, Results } from "./customer-list.js";
import { Figures } from "./insight.js";
import { formOf, page } from "./layout.js";
import { OrderTable } from "./orders.js";

export function adminPages({ customers, insight, phones }: AdminServices) {
  const pages = new Hono<Env>();
  pages.post("/customers/:id", (c, next) => (c.var.user ? next() : signInToSave(c)));
  pages.use(requireAdmin);

  /** The customers with their phones as people write them. */
  async function readable<Listed extends Customer>(listed: Listed[]): Promise<Listed[]> {
    const written = await phones.written(listed.flatMap(({ phone }) => phone ?? []));
    return listed.map((customer) => ({
      ...customer,
      phone: written.get(customer.phone ?? "") ?? customer.phone,
    }));
  }

  pages.get("/", async (c) => {
    // An empty field of the form is none.
    const form = Object.fromEntries(
      Object.entries(c.req.query()).filter(([, value]) => value !== ""),
    );
    const { query: asked, mistakes } = requests.readableQuery(form);
    const query = customerQueryOf(asked);
    const isWrong = Object.keys(mistakes).length > 0;
    const found = isWrong ? null : await customers.list(query);
    return page(
      c,
      "Customers",
      <>
        <Filters form={form} query={query} errors={mistakes} />
        {found ? (
          <Results found={{ ...found, items: await readable(found.items) }} form={form} />
        ) : (
          <NoSearch />
        )}
      </>,
      isWrong ? 422 : 200,
    );
  });

  pages.get("/insight", async (c) => {
    const [stats, all] = await Promise.all([insight.stats(), insight.fraudSuspects(0)]);
    const suspects = all.slice(0, 20);
    const people = await Promise.all(
      suspects.map(({ customer_id }) => customers.details(customer_id)),
    );
    const known = await readable(people.filter((customer) => customer !== null));
    const names = new Map(known.map((customer) => [customer.id, nameOf(customer)]));
    return page(c, "Insight", <Figures stats={stats} suspects={suspects} names={names} />);
  });

  async function customerOf(id: string): Promise<CustomerDetails> {
    const customer = requests.uuid.safeParse(id).success ? await customers.details(id) : null;
    if (!customer) throw new Refusal(404, "there is no such customer");
    return customer;
  }

  async function customerPage(
    c: Context<Env>,
    id: string,
    edited: Edit = {},
    status: 200 | 409 | 422 = 200,
  ) {
    const [customer] = (await readable([await customerOf(id)])) as [CustomerDetails];
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
        {users.length === 0 ? <p class="empty">A guest: no login yet.</p> : <Users users={users} />}
        <h2>Orders</h2>
        {orders.items.length === 0 ? (
          <p class="empty">No orders yet.</p>
        ) : (
          <OrderTable orders={orders.items} caption="Orders of every login, newest first" />
        )}
        {orders.next && (
          <a href={`?${new URLSearchParams({ after: orders.next })}`}>Older orders</a>
        )}
        <h2>History</h2>
        <Timeline history={history} users={users} />
      </>,
      status,
    );
  }

  pages.get("/customers/:id", (c) => customerPage(c, c.req.param("id")));

  pages.post("/customers/:id", async (c) => {
    const { id } = await customerOf(c.req.param("id"));
    const { preferred_name = "", notes = "", expected_updated_at } = await formOf(c);
    const draft = { preferred_name, notes };
    const { data, error } = requests.customerChanges.safeParse({
      preferred_name: preferred_name || null,
      notes: notes || null,
      expected_updated_at,
    });
    if (!data) return customerPage(c, id, { draft, errors: requests.adviceOn(error) }, 422);
    const { expected_updated_at: expected, ...changes } = data;
    try {
      await customers.update(id, changes, expected, c.var.user!.email);
    } catch (problem) {
      if (sqlState(problem) !== "CI004") throw problem;
      // A form that is sent twice has nobody else's edit in its way.
      const { preferred_name: name, notes: noted } = await customerOf(id);
      if (name !== changes.preferred_name || noted !== changes.notes)
        return customerPage(c, id, { draft, conflict: true }, 409);
    }
    return customerPage(c, id, { saved: true });
  });

  return pages;
}
