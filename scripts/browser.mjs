// A real browser for tests: Chromium or Chrome, controlled by the npm package `playwright-core`.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";

const PACKAGE = "playwright-core";

/** Names of the browser in the folders of PATH, and places outside of them. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PLACES = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

/** Time limits of the installation and of a page, in milliseconds. The machine may be busy. */
const INSTALL_LIMIT_MS = 120_000;
export const PAGE_LIMIT_MS = 120_000;

/** The exit status "service unavailable" of `sysexits.h`. */
const UNAVAILABLE = 69;

/**
 * Starts the browser that CHROMIUM names, or Chromium or Chrome where they are usually installed. It is controlled by
 * this version of `playwright-core`, which is installed into the folder on first use. Ends the process with status 69
 * if the package or a browser cannot be had.
 */
export async function startBrowser(version, folder) {
  mkdirSync(folder, { recursive: true });
  const { chromium } = createRequire(join(install(version, folder), "/"))(PACKAGE);
  const executablePath = program();
  try {
    return await chromium.launch({ executablePath, timeout: PAGE_LIMIT_MS });
  } catch (error) {
    unavailable(`${executablePath} does not start: ${error.message.split("\n")[0]}`);
  }
}

/** The path of the browser. */
function program() {
  const named = process.env.CHROMIUM;
  const found = (process.env.PATH ?? "").split(delimiter).flatMap((path) => NAMES.map((name) => join(path, name)));
  const path = (named ? [named] : [...found, ...PLACES]).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  return path ?? unavailable(named ? `CHROMIUM names ${named}, which is no file` : "there is neither Chromium nor Chrome");
}

/** Installs the package if necessary. Returns the folder of the installed packages. */
function install(version, folder) {
  const modules = resolve(folder, "node_modules");
  const manifest = join(modules, PACKAGE, "package.json");
  if (statSync(manifest, { throwIfNoEntry: false }) && JSON.parse(readFileSync(manifest)).version === version) {
    return modules;
  }
  const options = ["--prefix", folder, "--no-save", "--omit=dev", "--no-audit", "--no-fund"];
  // Do not run scripts of the package: they would download a browser.
  options.push("--ignore-scripts");
  // Without a network, retries would only take time.
  options.push("--prefer-offline", "--fetch-retries=0", "--fetch-timeout=30000");
  const npm = spawnSync("npm", ["install", ...options, `${PACKAGE}@${version}`], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: INSTALL_LIMIT_MS,
  });
  if (npm.status !== 0) {
    const reason = npm.error?.message ?? npm.stderr.split("\n").find((line) => /^npm (error|ERR!)/.test(line));
    unavailable(`npm cannot install ${PACKAGE}@${version}: ${reason ?? "npm printed no error"}`);
  }
  return modules;
}

/** Ends the script because it cannot get what it needs. */
function unavailable(reason) {
  console.error(reason);
  process.exit(UNAVAILABLE);
}
