// A guest becomes a customer with a name before the order is placed; a login has its customer already.
import type { GetOrCreateCustomerUseCase } from "./get-or-create-customer.js";
import type { NewOrder, OrderRepository } from "./order.js";

export class PlaceOrderUseCase {
  constructor(
    private readonly getOrCreateCustomer: GetOrCreateCustomerUseCase,
    private readonly orders: OrderRepository,
  ) {}

  /** Returns the order's number, and whether it was placed now or had been. CI002: cash on delivery needs a verified phone. */
  async execute(order: NewOrder): Promise<{ id: number; isNew: boolean }> {
    const earlier = await this.orders.placedWith(order.idempotencyKey);
    if (earlier) return { id: earlier.id, isNew: false };
    if (order.userId === null) await this.getOrCreateCustomer.execute(order);
    const id = await this.orders.place(order);
    if (id !== null) return { id, isNew: true };
    const meanwhile = await this.orders.placedWith(order.idempotencyKey);
    if (!meanwhile) throw new Error("the order was not stored");
    return { id: meanwhile.id, isNew: false };
  }
}
