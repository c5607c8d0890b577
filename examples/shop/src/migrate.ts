// Brings the database up to date, as the owner of its tables: OWNER_DATABASE_URL.
import { migrateDatabase } from "./infrastructure/migrations.js";
import { setting } from "./settings.js";

await migrateDatabase(setting("OWNER_DATABASE_URL"));
