// What the shop sells, and an order as the shopper places it. Prices are known here alone: a request
// names goods and quantities, never an amount.
import type { Page } from "./page.js";

export type Payment = "card" | "cash";

export interface OrderItem {
  sku: string;
  quantity: number;
}

export interface NewOrder {
  /** The login that orders; null for a guest. */
  userId: string | null;
  name: string;
  phone: string;
  address: string;
  items: OrderItem[];
  payment: Payment;
  /** Only whoever places the order knows it: sent again, it places nothing a second time. */
  idempotencyKey: string;
}

/** What was placed with an idempotency key. */
export interface PlacedOrder {
  id: number;
  user_id: string | null;
  items: OrderItem[];
  total: number;
  payment: Payment;
}

/** An order as the database lists it: a row of `orders`. */
export interface Order {
  id: number;
  user_id: string | null;
  items: OrderItem[];
  total: number;
  status: string;
  payment: Payment;
  created_at: string;
}

export interface OrderRepository {
  /**
   * Returns the order's number, or null when its key was used meanwhile. Cash on delivery without a
   * verified phone is refused with CI002.
   */
  place(order: NewOrder): Promise<number | null>;
  /** The order that was placed with the key. */
  placedWith(idempotencyKey: string): Promise<PlacedOrder | null>;
  /** What this login may see: its own orders, and the person's whole history once the phone is proved. */
  visibleTo(userId: string, after?: string): Promise<Page<Order>>;
}

export interface Good {
  name: string;
  cents: number;
}

export const goods: ReadonlyMap<string, Good> = new Map([
  ["tea", { name: "Assam tea, 250 g", cents: 890 }],
  ["pot", { name: "Cast-iron teapot", cents: 5400 }],
  ["cup", { name: "Stoneware cup", cents: 1450 }],
  ["honey", { name: "Lime blossom honey", cents: 720 }],
  ["tin", { name: "Tea tin", cents: 1190 }],
  ["book", { name: "A short history of tea", cents: 2200 }],
]);

/** Of each of the goods in an order. */
export const maximumQuantity = 20;

/** In cents; throws a RangeError when the shop does not sell one of the goods. */
export function totalOf(items: readonly OrderItem[]): number {
  let cents = 0;
  for (const { sku, quantity } of items) {
    const good = goods.get(sku);
    if (!good) throw new RangeError(`the shop sells no "${sku}"`);
    cents += good.cents * quantity;
  }
  return cents;
}
