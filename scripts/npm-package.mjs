// An npm package for a script: installed on first use, into a folder of the script.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** Time limit of the installation, in milliseconds. The machine may be busy. */
const INSTALL_LIMIT_MS = 120_000;

/** The exit status "service unavailable" of `sysexits.h`. */
const UNAVAILABLE = 69;

/**
 * Installs this version of a package if it is not in the folder. Returns the folder of the installed packages. Ends the
 * process with status 69 if the package cannot be installed, for example without a network.
 */
export function install(name, version, folder) {
  const modules = resolve(folder, "node_modules");
  const manifest = join(modules, name, "package.json");
  if (statSync(manifest, { throwIfNoEntry: false }) && JSON.parse(readFileSync(manifest)).version === version) {
    return modules;
  }
  const options = ["--prefix", folder, "--no-save", "--omit=dev", "--no-audit", "--no-fund"];
  // Do not run scripts of packages: they could, for example, download a browser.
  options.push("--ignore-scripts");
  // Without a network, retries would only take time.
  options.push("--prefer-offline", "--fetch-retries=0", "--fetch-timeout=30000");
  const npm = spawnSync("npm", ["install", ...options, `${name}@${version}`], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    const reason = npm.error?.message ?? npm.stderr.split("\n").find((line) => /^npm (error|ERR!)/.test(line));
    unavailable(`npm cannot install ${name}@${version}: ${reason ?? "npm printed no error"}`);
  }
  return modules;
}

/** Ends the script with status 69, because it cannot get what it needs. */
export function unavailable(reason) {
  console.error(reason);
  process.exit(UNAVAILABLE);
}
