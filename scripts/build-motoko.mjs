// Compiles Motoko sources: node scripts/build-motoko.mjs VERSION FOLDER SOURCE.mo...
//
// Compiles each source to FOLDER/<name>.wasm. If all modules are newer than all sources, it compiles nothing; sources may
// import each other. The compiler is this VERSION of the npm package `motoko`. The script installs it into FOLDER on
// first use. Exits with status 69 if the compiler cannot be installed, for example without a network.

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./npm-package.mjs";

const COMPILER = "motoko";

const [version, folder, ...sources] = process.argv.slice(2);
if (!version || !folder || sources.length === 0) {
  console.error("usage: node scripts/build-motoko.mjs VERSION FOLDER SOURCE.mo...");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
const script = fileURLToPath(import.meta.url);
const target = (source) => join(folder, `${basename(source, ".mo")}.wasm`);
const lastChange = Math.max(...[script, ...sources].map(changed));
if (sources.some((source) => changed(target(source)) < lastChange)) {
  const compiler = load(install(COMPILER, version, folder));
  sources.forEach((source) => compiler.write(basename(source), readFileSync(source, "utf8")));
  sources.forEach((source) => compile(compiler, source));
}

function load(modules) {
  return createRequire(join(modules, "/"))(COMPILER).default;
}

function compile(compiler, source) {
  const { wasm } = attempt(() => compiler.wasm(basename(source), "ic"));
  // Rename the complete file, so that nobody reads an incomplete module.
  const partial = `${target(source)}.partial`;
  writeFileSync(partial, wasm);
  renameSync(partial, target(source));
  console.error(`${target(source)}: ${wasm.length} bytes`);
}

/** Returns the result of `work`. Prints only the message of an error: all code of the compiler is one long line. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    console.error(`error: ${error.message ?? error}`);
    process.exit(1);
  }
}
