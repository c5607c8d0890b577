// `drizzle-kit push` and `generate` in process: what they would execute, and executing it.
import { createRequire } from "node:module";
import { drizzle } from "drizzle-orm/node-postgres";

const { generateDrizzleJson, generateMigration, pushSchema } = createRequire(import.meta.url)("drizzle-kit/api");

// drizzle-kit draws a spinner between the lines of the test report.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (chunk, ...rest) =>
  typeof chunk === "string" && /Pulling schema|^\u001b\[/.test(chunk) ? true : write(chunk, ...rest);

export async function planPush(pool, schema) {
  return pushSchema(schema, drizzle(pool), ["public"]);
}

export async function push(pool, schema) {
  await (await planPush(pool, schema)).apply();
}

/** The SQL of the first migration that `drizzle-kit generate` writes. */
export async function firstMigration(schema) {
  return (await generateMigration(generateDrizzleJson({}), generateDrizzleJson(schema))).join("\n");
}
