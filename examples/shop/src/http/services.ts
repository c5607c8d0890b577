// What the routes need, made once when the program starts.
import type { CustomerRepository } from "../domain/customer-repository.js";
import type { Insight } from "../domain/insight.js";
import type { Lifecycle } from "../domain/lifecycle.js";
import type { OrderRepository } from "../domain/order.js";
import type { Phones } from "../domain/phones.js";
import type { PhoneVerification } from "../domain/phone-verification.js";
import type { PlaceOrderUseCase } from "../domain/place-order.js";
import type { Auth } from "../infrastructure/auth.js";

export interface ShopServices {
  auth: Auth;
  placeOrder: PlaceOrderUseCase;
  orders: OrderRepository;
  verification: PhoneVerification;
  phones: Phones;
}

/** Connected as another database role than the shop's. */
export interface AdminServices {
  customers: CustomerRepository;
  insight: Insight;
  lifecycle: Lifecycle;
  phones: Phones;
}
