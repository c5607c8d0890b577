// A guest becomes a customer with a name before the order is placed; a login has its customer already.
import type { GetOrCreateCustomerUseCase } from "./get-or-create-customer.js";
import type { NewOrder, OrderRepository } from "./order.js";

export class PlaceOrderUseCase {
  constructor(
    private readonly getOrCreateCustomer: GetOrCreateCustomerUseCase,
    private readonly orders: OrderRepository,
  ) {}

  /** Returns the order's number. CI002: cash on delivery needs a verified phone. */
  async execute(order: NewOrder): Promise<number> {
    if (order.userId === null) await this.getOrCreateCustomer.execute(order);
    return this.orders.place(order);
  }
}
