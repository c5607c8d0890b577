// What shoppers see: goods, a checkout that asks for a code before cash on delivery, their orders.
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import {
  type NewOrder,
  type OrderItem,
  type Payment,
  type PlacedOrder,
  totalOf,
} from "../domain/order.js";
import { browserOf, cookies, keyOf } from "../http/browser.js";
import { Refusal, sqlState } from "../http/problem.js";
import * as requests from "../http/requests.js";
import type { ShopServices } from "../http/services.js";
import { clientAddress, type Env, phoneToVerify, requireUser } from "../http/session.js";
import type { User } from "../infrastructure/auth.js";
import { cartOf, fieldsOf, Goods, Quantities } from "./goods.js";
import {
  type Errors,
  Field,
  FieldError,
  type Form,
  formOf,
  Hidden,
  Money,
  Notice,
  Phone,
  page,
} from "./layout.js";
import { Items, OrderTable } from "./orders.js";

const PaymentChoice = ({ chosen }: { chosen: Payment }) => (
  <fieldset>
    <legend>Payment</legend>
    <label>
      <input type="radio" name="payment" value="card" checked={chosen === "card"} /> Card
    </label>
    <label>
      <input type="radio" name="payment" value="cash" checked={chosen === "cash"} /> Cash on
      delivery
    </label>
  </fieldset>
);

interface CheckoutProps {
  user: User | null;
  /** What was typed. */
  form: Form;
  items: OrderItem[];
  problem?: string;
  errors?: Errors;
}

const Cart = ({ items }: { items: OrderItem[] }) => (
  <section class="cart" aria-label="Your goods">
    <Items items={items} />
    <p>
      <strong>
        Total <Money amount={totalOf(items) / 100} />
      </strong>{" "}
      <a href={`/?${new URLSearchParams(fieldsOf(items))}`}>Change</a>
    </p>
    <Hidden fields={fieldsOf(items)} />
  </section>
);

const Checkout = ({ items, user, form, problem, errors = {} }: CheckoutProps) => (
  <form method="post" action="/checkout" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    {errors.items ? (
      <>
        <Notice kind="error">{errors.items}</Notice>
        <Quantities form={form} errors={errors} />
      </>
    ) : (
      <Cart items={items} />
    )}
    <Hidden fields={{ key: form.key ?? "", buyer: user?.id ?? "" }} />
    <Field
      label="Name"
      name="name"
      value={form.name ?? user?.name}
      errors={errors}
      autocomplete="name"
      required
      maxlength={100}
    />
    <Field
      label="Phone"
      name="phone"
      type="tel"
      value={form.phone ?? user?.phoneNumber ?? user?.phone}
      errors={errors}
      autocomplete="tel"
      required
      maxlength={40}
    />
    <Field
      label="Address"
      name="address"
      value={form.address}
      errors={errors}
      autocomplete="street-address"
      required
      maxlength={300}
    />
    <PaymentChoice chosen={form.payment === "cash" ? "cash" : "card"} />
    <FieldError name="payment" errors={errors} />
    <button>Place the order</button>
  </form>
);

const CodeStep = ({
  form,
  verification,
  problem,
  children,
}: {
  form: Form;
  verification: string;
  problem?: string;
  children: Child;
}) => (
  <form method="post" action="/checkout/code" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Notice kind="note">{children}</Notice>
    <Hidden fields={{ ...form, verification }} />
    <Field
      label="Code"
      name="code"
      inputmode="numeric"
      autocomplete="one-time-code"
      required
      autofocus
      maxlength={20}
    />
    <button>Verify and place the order</button>
    <button formaction="/checkout" formnovalidate class="link">
      Send another code
    </button>
    <button formaction="/checkout" formnovalidate name="payment" value="card" class="link">
      Pay by card instead
    </button>
  </form>
);

const ThankYou = ({ order, isAgain }: { order: PlacedOrder; isAgain: boolean }) => (
  <>
    {isAgain && (
      <Notice kind="note">
        You have sent this order more than once. It was placed once. Name and address are those that
        came first. <a href={`/checkout?${new URLSearchParams(fieldsOf(order.items))}`}>Order the same again</a>
      </Notice>
    )}
    <p>
      Your order has the number <strong>{order.id}</strong>.
    </p>
    <section class="cart narrow" aria-label="Your goods">
      <Items items={order.items} />
      <p>
        <strong>
          Total <Money amount={order.total} />
        </strong>
        , {order.payment === "cash" ? "to be paid on delivery" : "paid by card"}
      </p>
    </section>
    <p class="links">
      {order.user_id && <a href="/orders">All that you ordered</a>}
      <a href="/">Keep shopping</a>
    </p>
  </>
);

const refusals = {
  incorrect: "That is not the code.",
  expired: "The code is too old. Have another one sent.",
  exhausted: "Too many wrong codes. Have another one sent later.",
  unknown: "The code is too old. Have another one sent.",
};

const signedOut =
  "You are not signed in any more. Sign in again in another tab to order with your login, or send the order as a guest.";
const unreadablePhone = "This phone number cannot be read. Please check it.";

export function shopPages({ auth, placeOrder, orders, verification, phones }: ShopServices) {
  const pages = new Hono<Env>();
  const { read, write } = cookies(auth.options.baseURL);
  const browser = (c: Context) => browserOf(read(c, "browser"));
  const written = async (phone: string) => (await phones.written([phone])).get(phone) ?? phone;

  /** The checkout once more, with everything that was typed. */
  const again = (c: Context<Env>, form: Form, wrong: { problem?: string; errors?: Errors }) => {
    const { items } = cartOf(form);
    const checkout = <Checkout items={items} user={c.var.user} form={form} {...wrong} />;
    return page(c, "Checkout", checkout, 422);
  };

  const askForCode = async (c: Context<Env>, order: NewOrder, form: Form, earlier?: string) => {
    const started = await verification.start({
      phone: phoneToVerify(c.var.user, order.phone),
      purpose: "checkout",
      userId: order.userId,
      clientAddress: clientAddress(c),
    });
    if (started.status === "unsupported")
      return again(c, form, { problem: "No code can be sent to this phone. Please pay by card." });
    const phone = await written(started.phone);
    const cookie = `code-${started.phone.slice(1)}`;
    if (started.status === "sent") {
      write(c, cookie, started.verification_id, "/checkout", 600);
      const step = (
        <CodeStep form={form} verification={started.verification_id}>
          Cash on delivery needs a verified phone. We sent {earlier ? "another" : "a"} code to{" "}
          <Phone number={phone} />.
        </CodeStep>
      );
      return page(c, "Verify your phone", step, 403);
    }
    // The code that came before still works: its field stays, and a page that is loaded again finds it.
    const sent = read(c, cookie) ?? earlier;
    const wait = `Another code can be sent in ${started.retry_after} seconds.`;
    if (!sent) return again(c, form, { problem: wait });
    const step = (
      <CodeStep form={form} verification={sent} problem={wait}>
        The code that we sent to <Phone number={phone} /> still works.
      </CodeStep>
    );
    return page(c, "Verify your phone", step, 403);
  };

  /** The page of its own that an order ends on: loading it again places nothing. */
  const thank = (c: Context, id: number, isNew: boolean, idempotencyKey: string) => {
    const { secret, orders: placed } = browser(c);
    // Also when it was sent again: the answer that counted the order may have been lost.
    write(c, "browser", `${secret}.${placed + 1}`);
    write(c, `order-${id}`, idempotencyKey, `/thank-you/${id}`, 24 * 3600);
    return c.redirect(`/thank-you/${id}${isNew ? "" : "?again"}`, 303);
  };

  /** The field for the code once more. */
  const askAgain = async (c: Context<Env>, form: Form, id: string, problem: string) => {
    const phone = await written(phoneToVerify(c.var.user, form.phone ?? ""));
    const step = (
      <CodeStep form={form} verification={id} problem={problem}>
        The code went to <Phone number={phone} />.
      </CodeStep>
    );
    return page(c, "Verify your phone", step, 422);
  };

  /** `earlier` is a code that was sent before, and `refusal` why it does not do. */
  const place = async (c: Context<Env>, form: Form, earlier?: string, refusal?: string) => {
    const { items, errors } = cartOf(form);
    const { name, phone, address, payment, buyer, key } = form;
    const { data, error } = requests.newOrder.safeParse({ name, phone, address, payment, items });
    const wrong = { ...requests.adviceOn(error), ...errors };
    if (!data || Object.keys(wrong).length > 0) return again(c, form, { errors: wrong });
    const user = c.var.user;
    if (buyer && buyer !== user?.id) return again(c, form, { problem: signedOut });
    const idempotencyKey = key ? keyOf(key) : randomUUID();
    const order = { ...data, userId: user?.id ?? null, idempotencyKey };
    try {
      const { id, isNew } = await placeOrder.execute(order);
      return thank(c, id, isNew, idempotencyKey);
    } catch (problem) {
      if (sqlState(problem) === "CI002")
        return earlier && refusal
          ? askAgain(c, form, earlier, refusal)
          : askForCode(c, order, form, earlier);
      if (sqlState(problem) !== "CI001") throw problem;
      return again(c, form, { errors: { phone: unreadablePhone } });
    }
  };

  pages.get("/", (c) => page(c, "Goods", <Goods form={c.req.query()} />));

  pages.get("/checkout", (c) => {
    const query = c.req.query();
    const { items, errors } = cartOf(query);
    if (errors.items) return page(c, "Goods", <Goods form={query} errors={errors} />, 422);
    const { secret, orders: placed } = browser(c);
    // Written once: late, it would take back the count of an order that was placed meanwhile.
    if (!read(c, "browser")) write(c, "browser", `${secret}.${placed}`);
    // The address says which of the browser's orders this will be: going back does not make it the next one.
    if (!query.nth)
      return c.redirect(
        `/checkout?${new URLSearchParams({ ...fieldsOf(items), nth: String(placed) })}`,
      );
    const key = keyOf(secret, query.nth, items);
    return page(c, "Checkout", <Checkout items={items} user={c.var.user} form={{ key }} />);
  });

  pages.post("/checkout", async (c) => {
    const { verification: earlier, code: _, ...form } = await formOf(c);
    return place(c, form, earlier);
  });

  pages.post("/checkout/code", async (c) => {
    const { verification: id = "", code = "", ...form } = await formOf(c);
    const { status } = await verification.check(requests.uuid.parse(id), code);
    if (status === "approved") return place(c, form);
    // The code of a form that is sent twice was used by the first: the phone is verified.
    if (status === "expired") return place(c, form, id, refusals.expired);
    return askAgain(c, form, id, refusals[status]);
  });

  // Orders are numbered: what shows that one is the visitor's is its key, which came with the answer.
  pages.get("/thank-you/:id", async (c) => {
    const key = read(c, `order-${c.req.param("id")}`);
    const order = key ? await orders.placedWith(key) : null;
    if (order?.user_id && !c.var.user) throw new Refusal(401, "sign in first");
    const isTheirs = !order?.user_id || order.user_id === c.var.user?.id;
    if (String(order?.id) !== c.req.param("id") || !isTheirs)
      throw new Refusal(404, "there is no such order here");
    c.header("cache-control", "no-store");
    return page(
      c,
      "Thank you",
      <ThankYou order={order!} isAgain={c.req.query("again") !== undefined} />,
    );
  });

  pages.get("/orders", requireUser, async (c) => {
    const { after } = requests.page.parse(c.req.query());
    const { items, next } = await orders.visibleTo(c.var.user!.id, after);
    return page(
      c,
      "Your orders",
      <>
        {items.length === 0 ? (
          <p class="empty">
            You have not ordered anything yet. <a href="/">Go shopping</a>
          </p>
        ) : (
          <OrderTable orders={items} caption="Newest first" />
        )}
        {next && <a href={`/orders?after=${encodeURIComponent(next)}`}>Older orders</a>}
      </>,
    );
  });

  return pages;
}
