// docs/clients.md as files that can be run: what a reader copies is what is tested.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";

const page = readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8");
export const folder = new URL("build/clients/", import.meta.url);

/** The blocks in a language under a heading of the page. */
export function blocks(heading, language) {
  const section = page.match(new RegExp(`^## ${heading}\n([^]*?)(?=^## |$(?![^]))`, "m"));
  assert.ok(section, `docs/clients.md has no section "${heading}"`);
  const found = [...section[1].matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text);
  assert.notEqual(found.length, 0, `"${heading}" has no ${language} block`);
  return found;
}

/** Writes the block of a section that begins with a file's name, as that file, and returns where it is. */
export async function writeFileOf(heading, language, name, client = heading) {
  const text = blocks(heading, language).find((block) => block.split("\n", 1)[0].endsWith(` ${name}`));
  assert.ok(text, `"${heading}" has no ${name}`);
  const file = new URL(`${client.toLowerCase()}/${name}`, folder);
  await mkdir(new URL(".", file), { recursive: true });
  await writeFile(file, text);
  return file;
}
