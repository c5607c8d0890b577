// The programs of docs/verification.md, as files that can be run: what a reader copies is what is tested.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";

const AsyncFunction = (async () => {}).constructor;
const text = await readFile(new URL("../../docs/verification.md", import.meta.url), "utf8");
const folder = new URL("build/verification/", import.meta.url);

/** Writes the program that begins with its file's name, and the modules that it leaves to the reader. */
export async function writeExample(name, modules = {}) {
  const block = text.match(new RegExp(`^\`\`\`[jt]s\n(// ${name}\n[^]*?)^\`\`\`$`, "m"));
  assert.ok(block, `docs/verification.md has no ${name}`);
  await mkdir(folder, { recursive: true });
  for (const [module, source] of Object.entries({ ...modules, [name]: block[1] })) {
    await writeFile(new URL(module, folder), source);
  }
  return new URL(name, folder);
}

/** The statement that asks for a row, as a function of the variables that it names. */
export function statement(row, ...variables) {
  const block = text.match(new RegExp(`^\`\`\`js\n(const { rows: \\[${row}\\] }[^]*?)^\`\`\`$`, "m"));
  assert.ok(block, `docs/verification.md asks for no ${row}`);
  return new AsyncFunction(...variables, `${block[1]} return ${row};`);
}
