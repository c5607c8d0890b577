// A customer is a person, known by one phone, with any number of logins. Names are those that the
// database answers with, so nothing is renamed between it, the repository and the API.

export interface Customer {
  id: string;
  /** E.164; null once the number was released. */
  phone: string | null;
  preferred_name: string | null;
  is_phone_verified: boolean;
  total_orders: number;
  total_spent: number;
  loyalty_points: number;
  notes: string | null;
  created_at: string;
  /** To the microsecond, and handed back as it is when the customer is edited: a Date would round it. */
  updated_at: string;
}

/** A customer in a list. */
export interface ListedCustomer extends Customer {
  /** How many logins there are. */
  users: number;
}

export interface CustomerDetails extends ListedCustomer {
  /** Logins that name the phone and have not proved it. */
  open_claims: number;
  first_order_at: string | null;
  last_order_at: string | null;
}
