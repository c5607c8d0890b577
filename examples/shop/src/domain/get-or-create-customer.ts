// Who orders without a login is a customer as well, and has told a name. Sign-ups and orders need no
// such call: their triggers find the customer by themselves.
import type { CustomerRepository } from "./customer-repository.js";

export class GetOrCreateCustomerUseCase {
  constructor(private readonly customers: CustomerRepository) {}

  /** Returns the customer's id, whatever the spelling of the phone. CI001 when it cannot be read. */
  execute(person: { phone: string; name: string }): Promise<string> {
    return this.customers.getOrCreate(person.phone, person.name.trim());
  }
}
