// Customers as the functions of customer_identity keep them. It never touches the table: the roles that
// this connects as have no right on it.
import { sql } from "drizzle-orm";
import type { CustomerDetails, ListedCustomer } from "../domain/customer.js";
import type {
  CustomerChanges,
  CustomerQuery,
  CustomerRepository,
  CustomerUser,
  HistoryEvent,
} from "../domain/customer-repository.js";
import type { Order } from "../domain/order.js";
import type { Page } from "../domain/page.js";
import { type Database, value } from "./db.js";

export class DrizzleCustomerRepository implements CustomerRepository {
  constructor(private readonly db: Database) {}

  getOrCreate(phone: string, preferredName: string): Promise<string> {
    return value(this.db, sql`SELECT customer_of_guest(${phone}, ${preferredName}) AS value`);
  }

  list({ search, filters, sort, page_size, after }: CustomerQuery): Promise<Page<ListedCustomer>> {
    return value(
      this.db,
      sql`SELECT customer_identity.list_customers(
            search => ${search ?? null}, filters => ${JSON.stringify(filters)}, sort => ${sort},
            page_size => ${page_size}, after => ${after ?? null}) AS value`,
    );
  }

  details(id: string): Promise<CustomerDetails | null> {
    return value(this.db, sql`SELECT customer_identity.customer_details(${id}) AS value`);
  }

  users(id: string): Promise<CustomerUser[]> {
    return value(this.db, sql`SELECT customer_identity.customer_users(${id}) AS value`);
  }

  orders(id: string, after?: string): Promise<Page<Order>> {
    return value(
      this.db,
      sql`SELECT customer_identity.customer_orders(${id}, page_size => 20, after => ${after ?? null}) AS value`,
    );
  }

  history(id: string): Promise<HistoryEvent[]> {
    return value(this.db, sql`SELECT customer_identity.customer_history(${id}) AS value`);
  }

  update(
    id: string,
    changes: CustomerChanges,
    expectedUpdatedAt: string,
    actor: string,
  ): Promise<CustomerDetails> {
    return value(
      this.db,
      sql`SELECT customer_identity.update_customer(
            ${id}, ${JSON.stringify(changes)}, expected_updated_at => ${expectedUpdatedAt}, actor => ${actor}) AS value`,
    );
  }
}
