// Compiles Motoko sources: node scripts/build-motoko.mjs VERSION FOLDER SOURCE.mo...
//
// Each source becomes FOLDER/<name>.wasm, unless all modules are newer than all sources, which may import each other.
// The compiler is this version of the npm package `motoko`; it is installed into FOLDER too, the first time. Exits with
// 69 when it cannot be had, as on a machine without network.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const COMPILER = "motoko";

/** How long the installation may take. */
const INSTALL_LIMIT_MS = 120_000;

/** "Service unavailable", by the convention of `sysexits.h`. */
const UNAVAILABLE = 69;

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
  const compiler = load(install());
  sources.forEach((source) => compiler.write(basename(source), readFileSync(source, "utf8")));
  sources.forEach((source) => compile(compiler, source));
}

/** The folder of the installed compiler. */
function install() {
  const modules = resolve(folder, "node_modules");
  const manifest = join(modules, COMPILER, "package.json");
  if (Number.isFinite(changed(manifest)) && JSON.parse(readFileSync(manifest)).version === version) {
    return modules;
  }
  const options = ["--prefix", folder, "--no-save", "--omit=dev", "--no-audit", "--no-fund"];
  // Nothing of the packages is run while they are installed.
  options.push("--ignore-scripts");
  // Without a network one attempt has to do: the others would only take time.
  options.push("--prefer-offline", "--fetch-retries=0", "--fetch-timeout=30000");
  const npm = spawnSync("npm", ["install", ...options, `${COMPILER}@${version}`], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    const reason = npm.error?.message ?? npm.stderr.split("\n").find((line) => /^npm (error|ERR!)/.test(line));
    console.error(`npm cannot install ${COMPILER}@${version}: ${reason ?? "it gives no reason"}`);
    process.exit(UNAVAILABLE);
  }
  return modules;
}

function load(modules) {
  return createRequire(join(modules, "/"))(COMPILER).default;
}

function compile(compiler, source) {
  const { wasm } = attempt(() => compiler.wasm(basename(source), "ic"));
  // Renamed into place: who sees the module sees all of it.
  const partial = `${target(source)}.partial`;
  writeFileSync(partial, wasm);
  renameSync(partial, target(source));
  console.error(`${target(source)}: ${wasm.length} bytes`);
}

/** What `work` returns. Its error would be shown with a line of the compiler's code, all of which is one line. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    console.error(`error: ${error.message ?? error}`);
    process.exit(1);
  }
}
