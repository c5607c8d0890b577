import { fileURLToPath } from "node:url";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { connect } from "./db.js";

const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url));

/** Runs the migrations that the database has not seen, as the owner of its tables. */
export async function migrateDatabase(url: string): Promise<void> {
  const { db, close } = connect(url);
  try {
    await migrate(db, { migrationsFolder });
  } finally {
    await close();
  }
}
