// Orders as a table, for shoppers and administrators alike.
import { goods, type Order, type OrderItem } from "../domain/order.js";
import { Money, When } from "./layout.js";

const nameOf = (sku: string) => goods.get(sku)?.name ?? sku;

export const Items = ({ items }: { items: OrderItem[] }) => (
  <ul class="plain">
    {items.map(({ sku, quantity }) => (
      <li>
        {quantity} × {nameOf(sku)}
      </li>
    ))}
  </ul>
);

const OrderRow = ({ order }: { order: Order }) => (
  <tr>
    <td>{order.id}</td>
    <td>
      <When at={order.created_at} />
    </td>
    <td>
      <Items items={order.items} />
    </td>
    <td>
      <Money amount={order.total} />
    </td>
    <td>{order.payment === "cash" ? "cash on delivery" : "card"}</td>
    <td>{order.status}</td>
  </tr>
);

export const OrderTable = ({ orders, caption }: { orders: Order[]; caption: string }) => (
  <div class="scroll" tabindex={0} role="region" aria-label={caption}>
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Order</th>
          <th scope="col">Placed</th>
          <th scope="col">Goods</th>
          <th scope="col">Total</th>
          <th scope="col">Payment</th>
          <th scope="col">Status</th>
        </tr>
      </thead>
      <tbody>
        {orders.map((order) => (
          <OrderRow order={order} />
        ))}
      </tbody>
    </table>
  </div>
);
