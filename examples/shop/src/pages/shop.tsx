// What shoppers see: goods, a checkout that asks for a code before cash on delivery, their orders.
import { type Context, Hono } from "hono";
import { goods, type NewOrder, type OrderItem, type Payment, totalOf } from "../domain/order.js";
import { sqlState } from "../http/problem.js";
import * as requests from "../http/requests.js";
import type { ShopServices } from "../http/services.js";
import { clientAddress, type Env, phoneToVerify, requireUser } from "../http/session.js";
import type { User } from "../infrastructure/auth.js";
import { Field, type Form, Money, Notice, page } from "./layout.js";
import { Items, OrderTable } from "./orders.js";

/** The cart travels along as one field for each of the goods. */
function cartOf(form: Form): OrderItem[] {
  return [...goods.keys()]
    .map((sku) => ({ sku, quantity: Number(form[sku] || 0) }))
    .filter(({ quantity }) => quantity > 0);
}

const formOf = async (c: Context): Promise<Form> => (await c.req.parseBody()) as Form;

const Hidden = ({ fields }: { fields: Form }) => (
  <>
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
  </>
);

const fieldsOf = (items: OrderItem[]): Form =>
  Object.fromEntries(items.map(({ sku, quantity }) => [sku, String(quantity)]));

const Goods = () => (
  <form action="/checkout">
    <ul class="goods">
      {[...goods].map(([sku, { name, cents }]) => (
        <li>
          <label for={sku}>{name}</label>
          <Money amount={cents / 100} />
          <input id={sku} name={sku} type="number" min="0" max="20" value="0" inputmode="numeric" />
        </li>
      ))}
    </ul>
    <button>Go to checkout</button>
  </form>
);

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

const Checkout = ({
  items,
  user,
  form,
  problem,
}: {
  items: OrderItem[];
  user: User | null;
  form: Form;
  problem?: string;
}) => (
  <form method="post" action="/checkout" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Items items={items} />
    <p>
      Total <Money amount={totalOf(items) / 100} />
    </p>
    <Hidden fields={fieldsOf(items)} />
    <Field
      label="Name"
      name="name"
      value={form.name ?? user?.name}
      autocomplete="name"
      required
      maxlength={100}
    />
    <Field
      label="Phone"
      name="phone"
      type="tel"
      value={form.phone ?? user?.phoneNumber ?? user?.phone}
      autocomplete="tel"
      required
      maxlength={40}
    />
    <Field
      label="Address"
      name="address"
      value={form.address}
      autocomplete="street-address"
      required
      maxlength={300}
    />
    <PaymentChoice chosen={form.payment === "cash" ? "cash" : "card"} />
    <button>Place the order</button>
  </form>
);

const CodeStep = ({
  form,
  verification,
  phone,
  problem,
}: {
  form: Form;
  verification: string;
  phone: string;
  problem?: string;
}) => (
  <form method="post" action="/checkout/code" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Notice kind="note">Cash on delivery needs a verified phone. We sent a code to {phone}.</Notice>
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

const refusals = {
  incorrect: "That is not the code.",
  expired: "The code is too old. Have another one sent.",
  exhausted: "Too many wrong codes. Have another one sent later.",
  unknown: "The code is too old. Have another one sent.",
};

export function shopPages({ placeOrder, orders, verification }: ShopServices) {
  const pages = new Hono<Env>();

  const orderOf = (c: Context<Env>, form: Form): NewOrder => {
    const { name, phone, address, payment } = form;
    const order = requests.newOrder.parse({ name, phone, address, payment, items: cartOf(form) });
    return { ...order, userId: c.var.user?.id ?? null };
  };

  const askForCode = async (c: Context<Env>, order: NewOrder, form: Form) => {
    const phone = phoneToVerify(c.var.user, order.phone);
    const userId = order.userId;
    const started = await verification.start({
      phone,
      purpose: "checkout",
      userId,
      clientAddress: clientAddress(c),
    });
    if (started.status === "sent") {
      const step = (
        <CodeStep form={form} verification={started.verification_id} phone={started.phone} />
      );
      return page(c, "Verify your phone", step, 403);
    }
    const problem =
      started.status === "throttled"
        ? `A code was sent a moment ago. Try again in ${started.retry_after} seconds.`
        : "No code can be sent to this phone. Please pay by card.";
    return page(
      c,
      "Checkout",
      <Checkout items={order.items} user={c.var.user} form={form} problem={problem} />,
      422,
    );
  };

  const place = async (c: Context<Env>, form: Form) => {
    const order = orderOf(c, form);
    try {
      const id = await placeOrder.execute(order);
      return page(
        c,
        "Thank you",
        <>
          <Notice kind="note">Your order has the number {id}.</Notice>
          <Items items={order.items} />
        </>,
        201,
      );
    } catch (error) {
      if (sqlState(error) === "CI002") return askForCode(c, order, form);
      if (sqlState(error) !== "CI001") throw error;
      const problem = "This phone number cannot be read. Please check it.";
      return page(
        c,
        "Checkout",
        <Checkout items={order.items} user={c.var.user} form={form} problem={problem} />,
        422,
      );
    }
  };

  pages.get("/", (c) => page(c, "Goods", <Goods />));

  pages.get("/checkout", (c) => {
    const items = cartOf(c.req.query());
    if (items.length === 0) return c.redirect("/");
    return page(c, "Checkout", <Checkout items={items} user={c.var.user} form={{}} />);
  });

  pages.post("/checkout", async (c) => {
    const { verification: _, code: __, ...form } = await formOf(c);
    return place(c, form);
  });

  pages.post("/checkout/code", async (c) => {
    const { verification: id = "", code = "", ...form } = await formOf(c);
    const { status } = await verification.check(requests.uuid.parse(id), code);
    if (status === "approved") return place(c, form);
    const phone = phoneToVerify(c.var.user, form.phone ?? "");
    const step = (
      <CodeStep form={form} verification={id} phone={phone} problem={refusals[status]} />
    );
    return page(c, "Verify your phone", step, 422);
  });

  pages.get("/orders", requireUser, async (c) => {
    const { after } = requests.page.parse(c.req.query());
    const { items, next } = await orders.visibleTo(c.var.user!.id, after);
    return page(
      c,
      "Your orders",
      <>
        {items.length === 0 ? (
          <p>You have not ordered anything yet.</p>
        ) : (
          <OrderTable orders={items} caption="Newest first" />
        )}
        {next && <a href={`/orders?after=${encodeURIComponent(next)}`}>Older orders</a>}
      </>,
    );
  });

  return pages;
}
