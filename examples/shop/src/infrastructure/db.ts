// A connection pool for each database role: what a role may not do, no mistake in this program can.
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import type { SQL } from "drizzle-orm";
import { Pool } from "pg";
import * as schema from "./schema.js";

export type Database = NodePgDatabase<typeof schema>;

export function connect(connectionString: string): { db: Database; close: () => Promise<void> } {
  const pool = new Pool({ connectionString });
  // A connection that the server ends while it idles is replaced; unheard, the event would end the process.
  pool.on("error", (error) => console.error(`database: ${error.message}`));
  return { db: drizzle(pool, { schema }), close: () => pool.end() };
}

/** The rows of a statement, with the types that its author vouches for. */
export async function rows<Row>(db: Database, statement: SQL): Promise<Row[]> {
  return (await db.execute(statement)).rows as Row[];
}

/** The value of a statement with one row and a column `value`. */
export async function value<Value>(db: Database, statement: SQL): Promise<Value> {
  const [row] = await rows<{ value: Value }>(db, statement);
  if (!row) throw new Error("a row was expected");
  return row.value;
}
