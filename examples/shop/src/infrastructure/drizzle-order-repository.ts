// Orders: written as plain rows, which the triggers attach to their customer, and read through
// visible_orders(), which knows whose they are.
import { sql } from "drizzle-orm";
import {
  type NewOrder,
  type Order,
  type OrderRepository,
  type PlacedOrder,
  totalOf,
} from "../domain/order.js";
import type { Page } from "../domain/page.js";
import { type Database, value } from "./db.js";
import { orders } from "./schema.js";

export class DrizzleOrderRepository implements OrderRepository {
  constructor(private readonly db: Database) {}

  async place(order: NewOrder): Promise<number | null> {
    const cents = totalOf(order.items);
    const [placed] = await this.db
      .insert(orders)
      .values({
        ...order,
        total: (cents / 100).toFixed(2),
        // A card is charged here, in a shop that has a bank; cash comes with the delivery.
        status: order.payment === "card" ? "paid" : "pending",
      })
      // Naming the key's constraint would ask for the right to read the keys of all orders.
      .onConflictDoNothing()
      .returning({ id: orders.id });
    return placed?.id ?? null;
  }

  placedWith(idempotencyKey: string): Promise<PlacedOrder | null> {
    return value(this.db, sql`SELECT order_of_key(${idempotencyKey}) AS value`);
  }

  visibleTo(userId: string, after?: string): Promise<Page<Order>> {
    return value(
      this.db,
      sql`SELECT customer_identity.visible_orders(${userId}, page_size => 20, after => ${after ?? null}) AS value`,
    );
  }
}
