// What the shop sells, as a form of quantities: on the page of goods, and at the checkout where one is wrong.
import { goods, maximumQuantity, type OrderItem } from "../domain/order.js";
import * as requests from "../http/requests.js";
import { type Errors, FieldError, type Form, invalid, Money, Notice } from "./layout.js";

/** The cart travels along as one field for each of the goods; an error in any is one of `items` as well. */
export function cartOf(form: Form): { items: OrderItem[]; errors: Errors } {
  const items: OrderItem[] = [];
  const errors: Errors = {};
  for (const sku of goods.keys()) {
    const { data = 0, error } = requests.quantity.safeParse(form[sku] || 0);
    if (error) errors[sku] = `Please enter a whole number, from 0 to ${maximumQuantity}.`;
    if (data > 0) items.push({ sku, quantity: data });
  }
  if (items.length === 0 || Object.keys(errors).length > 0) errors.items = requests.advice.items!;
  return { items, errors };
}

export const fieldsOf = (items: OrderItem[]): Form =>
  Object.fromEntries(items.map(({ sku, quantity }) => [sku, String(quantity)]));

export const Quantities = ({ form, errors }: { form: Form; errors: Errors }) => (
  <ul class="goods">
    {[...goods].map(([sku, { name, cents }]) => (
      <li>
        <label for={sku}>{name}</label>
        <Money amount={cents / 100} />
        <input
          id={sku}
          name={sku}
          type="number"
          min="0"
          max={maximumQuantity}
          step="1"
          value={form[sku] || "0"}
          inputmode="numeric"
          {...invalid(sku, errors)}
        />
        <FieldError name={sku} errors={errors} />
      </li>
    ))}
  </ul>
);

export const Goods = ({ form, errors = {} }: { form: Form; errors?: Errors }) => (
  <form action="/checkout">
    {errors.items && <Notice kind="error">{errors.items}</Notice>}
    <Quantities form={form} errors={errors} />
    <button>Go to checkout</button>
  </form>
);
