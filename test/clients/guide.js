// The guide's own SQL and schema.ts, so that the tests run what a reader copies.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";

const docs = new URL("../../docs/", import.meta.url);
const build = new URL("build/", import.meta.url);
const guide = readFileSync(new URL("better-auth-drizzle.md", docs), "utf8");

/** The exports of schema.ts that a sentence of the guide names as the tables of the book. */
export function tablesOfBook() {
  const [, list] = guide.match(/^- the tables of the book: ([^]*?);$/m);
  return [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name);
}

/** The first SQL block under the guide's heading. */
export function guideSql(heading) {
  const start = guide.search(new RegExp(`^#+ ${heading}$`, "m"));
  assert.notEqual(start, -1, `the guide has no heading "${heading}"`);
  const block = guide.slice(start).match(/^```sql\n([^]*?)^```$/m);
  assert.ok(block, `no SQL under "${heading}"`);
  return block[1];
}

/** Copies schema.ts as a reader does, for uuid ids with the two lines that it names exchanged, and with the lines
 * for search indexes where they are wanted. */
export async function schemaFile(ids, folder = ids) {
  let text = await readFile(new URL("better-auth-drizzle/schema.ts", docs), "utf8");
  if (folder !== ids) text = text.replace(/^( +\/\/ After create_search_indexes.*\n)((?: +\/\/ .*\n)+)/gm, (_, head, lines) => head + lines.replaceAll("//", ""));
  if (ids === "uuid") {
    for (const name of ["id", "userId"]) {
      const [, replacement] = text.match(new RegExp(`^//   (const ${name} = .*)$`, "m"));
      text = text.replace(new RegExp(`^const ${name} = .*$`, "m"), () => replacement);
    }
  }
  await mkdir(new URL(`${folder}/`, build), { recursive: true });
  const file = new URL(`${folder}/schema.ts`, build);
  await writeFile(file, text);
  return file;
}

export async function schemaFor(ids, folder) {
  return { ...(await import((await schemaFile(ids, folder)).href)) };
}
