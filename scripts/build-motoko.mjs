// Compiles Motoko sources: node scripts/build-motoko.mjs VERSION FOLDER SOURCE.mo...
//
// Compiles each source to FOLDER/<name>.wasm. If all modules are newer than all sources, it compiles nothing; sources may
// import each other. The compiler is this VERSION of the npm package `motoko`. The script installs it into FOLDER on
// first use. Exits with status 69 if the compiler cannot be installed, for example without a network.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const COMPILER = "motoko";

/** Time limit of the installation, in milliseconds. */
const INSTALL_LIMIT_MS = 120_000;

/** The exit status "service unavailable" of `sysexits.h`. */
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

/** Installs the compiler if necessary. Returns the folder of the installed packages. */
function install() {
  const modules = resolve(folder, "node_modules");
  const manifest = join(modules, COMPILER, "package.json");
  if (Number.isFinite(changed(manifest)) && JSON.parse(readFileSync(manifest)).version === version) {
    return modules;
  }
  const options = ["--prefix", folder, "--no-save", "--omit=dev", "--no-audit", "--no-fund"];
  // Do not run scripts of the packages.
  options.push("--ignore-scripts");
  // Without a network, retries would only take time.
  options.push("--prefer-offline", "--fetch-retries=0", "--fetch-timeout=30000");
  const npm = spawnSync("npm", ["install", ...options, `${COMPILER}@${version}`], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    const reason = npm.error?.message ?? npm.stderr.split("\n").find((line) => /^npm (error|ERR!)/.test(line));
    console.error(`npm cannot install ${COMPILER}@${version}: ${reason ?? "npm printed no error"}`);
    process.exit(UNAVAILABLE);
  }
  return modules;
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
