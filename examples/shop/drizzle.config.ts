// `npx drizzle-kit generate` writes a migration for what changed in schema.ts.
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./src/infrastructure/schema.ts",
  out: "./migrations",
});
