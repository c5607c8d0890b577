// What the shop asks about customers. All but getOrCreate() is for administrators; the database holds
// the shop's own role to that.
import type { CustomerDetails, ListedCustomer } from "./customer.js";
import type { Order } from "./order.js";
import type { Page } from "./page.js";

export const customerSorts = [
  "created_at",
  "updated_at",
  "preferred_name",
  "total_spent",
  "total_orders",
] as const;
type SortKey = (typeof customerSorts)[number];
export type CustomerSort = SortKey | `-${SortKey}`;

export interface CustomerFilters {
  verified?: boolean;
  has_users?: boolean;
  shared?: boolean;
  min_orders?: number;
  min_spent?: number;
  /** The end is not included. */
  created?: { from?: string; to?: string };
}

export interface CustomerQuery {
  search?: string;
  filters: CustomerFilters;
  sort: CustomerSort;
  page_size: number;
  after?: string;
}

/** What an administrator may write; leaving a key out leaves the column alone. */
export interface CustomerChanges {
  preferred_name?: string | null;
  notes?: string | null;
}

/** A login of the customer. */
export interface CustomerUser {
  id: string;
  name: string | null;
  email: string | null;
  /** As they were typed. */
  phones: string[];
  /** Whether this login has proved the customer's phone. */
  proved: boolean;
  created_at: string | null;
}

/** What happened to a customer, newest first. */
export interface HistoryEvent {
  at: string;
  event: string;
  /** Who did it: a user's id, or what the application called itself. */
  actor: string | null;
  details: Record<string, unknown>;
}

export interface CustomerRepository {
  /** Returns the id of the phone's customer. CI001 when the phone cannot be read. */
  getOrCreate(phone: string, preferredName: string): Promise<string>;
  list(query: CustomerQuery): Promise<Page<ListedCustomer>>;
  details(id: string): Promise<CustomerDetails | null>;
  users(id: string): Promise<CustomerUser[]>;
  orders(id: string, after?: string): Promise<Page<Order>>;
  history(id: string): Promise<HistoryEvent[]>;
  /** CI004 when somebody else has edited the customer since `expectedUpdatedAt`; P0002 when there is none. */
  update(
    id: string,
    changes: CustomerChanges,
    expectedUpdatedAt: string,
    actor: string,
  ): Promise<CustomerDetails>;
}
