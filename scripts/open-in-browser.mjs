// Opens pages in Chromium: node scripts/open-in-browser.mjs VERSION FOLDER PAGE.html...
//
// Opens each page in a light and a dark colour scheme, in a wide window and on a narrow screen. Fails if a page prints an
// error or a warning to the console, requests anything but itself, or is wider than the narrow screen. Prints the number
// of pages. The browser is the one that CHROMIUM names, or Chromium or Chrome where they are usually installed. It is
// controlled by this VERSION of the npm package `playwright-core`, which the script installs into FOLDER on first use.
// Exits with status 69 if the package or a browser cannot be had.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { PAGE_LIMIT_MS, startBrowser } from "./browser.mjs";

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
const browser = await startBrowser(version, folder);
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
