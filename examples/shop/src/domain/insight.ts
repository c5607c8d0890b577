// What an administrator is told about all customers at once.

export interface CustomerStats {
  /** People, and the logins that they have. */
  customers: number;
  users: number;
  users_linked: number;
  /** People with several logins; with none, and of those who came back. */
  shared: number;
  guests: number;
  guests_returned: number;
  verified: number;
  verified_share: number | null;
  buyers: number;
  repeat_buyers: number;
  repeat_rate: number | null;
  /** Days without new customers are left out. */
  new_customers: { day: string; customers: number }[];
}

export interface FraudSuspect {
  customer_id: string;
  score: number;
  signals: { signal: string; weight: number; evidence: Record<string, unknown> }[];
}

export interface Insight {
  /** Of the customers made since then, or of all. */
  stats(since?: string): Promise<CustomerStats>;
  /** The highest score first. */
  fraudSuspects(minScore: number): Promise<FraudSuspect[]>;
}
