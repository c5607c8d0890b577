// Figures about all customers, and signs of fraud, as customer_identity works them out.
import { sql } from "drizzle-orm";
import type { CustomerStats, FraudSuspect, Insight } from "../domain/insight.js";
import { type Database, value } from "./db.js";

export class DatabaseInsight implements Insight {
  constructor(private readonly db: Database) {}

  stats(since?: string): Promise<CustomerStats> {
    return value(
      this.db,
      sql`SELECT customer_identity.customer_stats(since => ${since ?? null}) AS value`,
    );
  }

  fraudSuspects(minScore: number): Promise<FraudSuspect[]> {
    return value(
      this.db,
      sql`SELECT customer_identity.fraud_signals(min_score => ${minScore}) AS value`,
    );
  }
}
