// The back office: the customers, one customer with all that is known, and figures about all.
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ZodError } from "zod";
import type { Customer, CustomerDetails } from "../domain/customer.js";
import { customerQueryOf } from "../http/admin-api.js";
import { actions, perform, phoneRule } from "../http/actions.js";
import { problemOf, Refusal, sqlState } from "../http/problem.js";
import * as requests from "../http/requests.js";
import type { AdminServices } from "../http/services.js";
import { type Env, requireAdmin } from "../http/session.js";
import { signInToSave } from "./account.js";
import { type Edit, Editor, Timeline, Totals, Users } from "./customer.js";
import { Filters, nameOf, NoSearch, Results } from "./customer-list.js";
import { Figures } from "./insight.js";
import { formOf, Notice, page } from "./layout.js";
import * as life from "./lifecycle.js";
import { OrderTable } from "./orders.js";

/** What a form sent, as the API takes it: what was left empty is left out. */
async function inputOf(c: Context): Promise<{ draft: life.Draft; input: Record<string, unknown> }> {
  const draft = (await c.req.parseBody({ all: true })) as life.Draft;
  const input = Object.entries(draft)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => {
      if (["keep_old", "delete_users"].includes(name)) return [name, value === "true"];
      if (["points", "merge_id"].includes(name)) return [name, Number(value)];
      return [name, ["user_ids", "orders"].includes(name) ? [value].flat() : value];
    });
  return { draft, input: Object.fromEntries(input) };
}

/** An error in words, for the form that it belongs to. Faults of ours are thrown on. */
function refusalOf(action: string, draft: life.Draft, error: unknown) {
  const { title, detail, status } = problemOf(error);
  if (status === 500) throw error;
  const errors = error instanceof ZodError ? requests.adviceOn(error) : {};
  const sentence = `${title[0]!.toUpperCase()}${title.slice(1)}.`;
  const problem = [sentence, detail].filter(Boolean).join(" ");
  return { refused: { action, draft, problem, errors }, status };
}

export function adminPages({ customers, insight, lifecycle, phones }: AdminServices) {
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
    edited: Edit & { done?: Child; refused?: life.Refused; verificationId?: string } = {},
    status: ContentfulStatusCode = 200,
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
        {edited.done && <Notice kind="note">{edited.done}</Notice>}
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
        <h2>Changes</h2>
        <life.Actions
          customer={customer}
          users={users}
          orders={orders.items}
          history={history}
          idempotencyKey={randomUUID()}
          refused={edited.refused}
          verificationId={edited.verificationId}
        />
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

  /** The customer that was meant by an id, a phone or a name, or why there is none. */
  async function otherCustomer(id: string, meant: string): Promise<CustomerDetails> {
    if (requests.uuid.safeParse(meant).success) return customerOf(meant);
    const { items } = await customers.list({
      search: meant,
      filters: {},
      sort: "-created_at",
      page_size: 3,
    });
    const [other, another] = items.filter((found) => found.id !== id);
    if (!other) throw new Refusal(404, "nobody was found");
    if (another)
      throw new Refusal(409, "several customers were found: please enter the phone or the id");
    return customerOf(other.id);
  }

  async function mergePage(
    c: Context<Env>,
    ids: [winner: string, loser: string],
    refused?: life.Refused,
    status: ContentfulStatusCode = 200,
  ) {
    const preview = await lifecycle.mergePreview(...ids);
    const people = await readable(await Promise.all(ids.map(customerOf)));
    const [winner, loser] = people.map((person) => ({ id: person.id, name: nameOf(person) }));
    return page(
      c,
      "Merge two customers",
      <life.Merge winner={winner!} loser={loser!} preview={preview} refused={refused} />,
      status,
    );
  }

  pages.get("/customers/:id/merge", async (c) => {
    const { id } = await customerOf(c.req.param("id"));
    const loser = c.req.query("loser") ?? "";
    try {
      return await mergePage(c, [id, (await otherCustomer(id, loser)).id]);
    } catch (error) {
      const { refused, status } = refusalOf("preview", { loser }, error);
      return customerPage(c, id, { refused }, status);
    }
  });

  pages.get("/customers/:id/export", async (c) => {
    const { id } = await customerOf(c.req.param("id"));
    return page(c, "What is stored", <life.Export id={id} found={await lifecycle.export(id)} />);
  });

  async function erasePage(
    c: Context<Env>,
    id: string,
    refused?: life.Refused,
    status: ContentfulStatusCode = 200,
  ) {
    const preview = await lifecycle.erasePreview(id);
    return page(
      c,
      "Erase a person",
      <life.EraseForm id={id} preview={preview} refused={refused} />,
      status,
    );
  }

  pages.get("/customers/:id/erase", async (c) =>
    erasePage(c, (await customerOf(c.req.param("id"))).id),
  );

  /** What is said once it is done. */
  function doneOf(name: string, result: unknown): Child {
    const isCustomer = ["split", "unmerge", "release-phone"].includes(name) && result !== null;
    return isCustomer ? (
      <>
        Done. <a href={life.pathOf(String(result))}>The other customer</a>
      </>
    ) : (
      "Done."
    );
  }

  pages.post("/customers/:id/:action", async (c) => {
    const { id } = await customerOf(c.req.param("id"));
    const name = c.req.param("action");
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) throw new Refusal(404, "there is nothing here");
    const { draft, input } = await inputOf(c);
    try {
      const result = await perform(lifecycle, action, id, input, c.var.user!.email);
      if (name === "erase") return c.redirect("/back-office", 303);
      if (name === "merge") return c.redirect(life.pathOf(id), 303);
      const { verification_id: verificationId } = Object(result) as { verification_id?: string };
      return customerPage(c, id, { done: doneOf(name, result), verificationId });
    } catch (error) {
      const { refused, status } = refusalOf(name, draft, error);
      if (name === "merge") return mergePage(c, [id, String(draft.loser)], refused, status);
      if (name === "erase") return erasePage(c, id, refused, status);
      const verificationId = draft.verification_id && String(draft.verification_id);
      return customerPage(c, id, { refused, ...(verificationId && { verificationId }) }, status);
    }
  });

  async function duplicatesPage(
    c: Context<Env>,
    refused?: life.Refused,
    status: ContentfulStatusCode = 200,
  ) {
    const found = await lifecycle.duplicates(requests.page.parse(c.req.query()).after);
    const ids = new Set(found.items.flatMap(({ a, b }) => [a, b]));
    const people = await readable(await Promise.all([...ids].map(customerOf)));
    const names = new Map(people.map((person) => [person.id, nameOf(person)]));
    return page(
      c,
      "Duplicates",
      <life.Duplicates found={found} names={names} refused={refused} />,
      status,
    );
  }

  pages.get("/duplicates", (c) => duplicatesPage(c));

  pages.post("/duplicates", async (c) => {
    const { draft } = await inputOf(c);
    const { a, b: other, reason } = draft as Record<string, string>;
    try {
      const id = requests.uuid.parse(a);
      const dismiss = actions["dismiss-duplicate"]!;
      await perform(lifecycle, dismiss, id, { other, reason }, c.var.user!.email);
      return duplicatesPage(c);
    } catch (error) {
      const { refused, status } = refusalOf(`dismiss-${a}-${other}`, draft, error);
      return duplicatesPage(c, refused, status);
    }
  });

  async function numbersPage(
    c: Context<Env>,
    refused?: life.Refused,
    status: ContentfulStatusCode = 200,
  ) {
    const found = await lifecycle.phoneSuspects();
    return page(c, "Numbers", <life.Suspects found={found} refused={refused} />, status);
  }

  pages.get("/numbers", (c) => numbersPage(c));

  pages.post("/numbers", async (c) => {
    const { draft } = await inputOf(c);
    const { form, rule, ...rest } = draft as Record<string, string>;
    try {
      const set = phoneRule.parse({ ...rest, rule: rule === "none" ? null : rule });
      const by = { actor: c.var.user!.email, reason: set.reason };
      await lifecycle.setPhoneRule(set.phone, set.rule, by);
      return numbersPage(c);
    } catch (error) {
      const { refused, status } = refusalOf(String(form), draft, error);
      return numbersPage(c, refused, status);
    }
  });

  return pages;
}
