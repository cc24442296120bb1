// Opens pages in Chromium: node scripts/open-in-browser.mjs VERSION FOLDER PAGE.html...
//
// Opens each page in a light and a dark colour scheme, in a wide window and on a narrow screen. Fails if a page prints an
// error or a warning to the console, requests anything but itself, or is wider than the narrow screen. Prints the number
// of pages. The browser is the one that CHROMIUM names, or Chromium or Chrome where they are usually installed. It is
// controlled by this VERSION of the npm package `playwright-core`, which the script installs into FOLDER on first use.
// Exits with status 69 if the package or a browser cannot be had.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const PACKAGE = "playwright-core";

/** Names of the browser in the folders of PATH, and places outside of them. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PLACES = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

/** Time limits of the installation and of a page, in milliseconds. The machine may be busy. */
const INSTALL_LIMIT_MS = 120_000;
const PAGE_LIMIT_MS = 120_000;

/** The exit status "service unavailable" of `sysexits.h`. */
const UNAVAILABLE = 69;

/** Sizes of windows, in pixels: a desk and a phone. */
const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
];

const [version, folder, ...pages] = process.argv.slice(2);
if (!version || !folder || pages.length === 0) {
  console.error("usage: node scripts/open-in-browser.mjs VERSION FOLDER PAGE.html...");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const { chromium } = createRequire(join(install(), "/"))(PACKAGE);
const browser = await start();
const problems = [];
try {
  for (const file of pages) {
    for (const colorScheme of ["light", "dark"]) {
      for (const viewport of SIZES) {
        await open(pathToFileURL(resolve(file)).href, { colorScheme, viewport });
      }
    }
  }
} finally {
  await browser.close();
}
if (problems.length > 0) {
  console.error([...new Set(problems)].join("\n"));
  process.exit(1);
}
console.log(`opened: ${pages.length}`);

/** Opens a page and notes its problems. */
async function open(url, options) {
  const problem = (text) => problems.push(`${url} (${options.colorScheme}, ${options.viewport.width} pixels): ${text}`);
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problem(`the console says: ${message.text()}`);
  });
  page.on("pageerror", (error) => problem(`an error: ${error.message}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (asked !== url && !asked.startsWith("data:")) problem(`a request to ${asked}`);
  });
  await page.goto(url, { waitUntil: "load", timeout: PAGE_LIMIT_MS });
  const [content, screen] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  if (content > screen) problem(`the page has ${content} pixels on a screen of ${screen}`);
  await context.close();
}

/** Starts the browser. */
async function start() {
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
function install() {
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
