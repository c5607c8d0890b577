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
    <th scope="row" data-label="Order">
      {order.id}
    </th>
    <td data-label="Placed">
      <When at={order.created_at} />
    </td>
    <td data-label="Goods">
      <Items items={order.items} />
    </td>
    <td data-label="Total" class="number">
      <Money amount={order.total} />
    </td>
    <td data-label="Payment">{order.payment === "cash" ? "cash on delivery" : "card"}</td>
    <td data-label="Status">{order.status}</td>
  </tr>
);

export const OrderTable = ({ orders, caption }: { orders: Order[]; caption: string }) => (
  <table class="cards">
    <caption>{caption}</caption>
    <thead>
      <tr>
        <th scope="col">Order</th>
        <th scope="col">Placed</th>
        <th scope="col">Goods</th>
        <th scope="col" class="number">
          Total
        </th>
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
);
