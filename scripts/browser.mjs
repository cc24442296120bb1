// A real browser for tests: Chromium or Chrome, controlled by the npm package `playwright-core`.

import { mkdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { install, unavailable } from "./npm-package.mjs";
import { isForThisMachine, packedBrowser } from "./packed-browser.mjs";

const PACKAGE = "playwright-core";

/** Names of the browser in the folders of PATH, and places outside of them. */
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PLACES = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

/** Time limit of a page, in milliseconds. The machine may be busy. */
export const PAGE_LIMIT_MS = 120_000;

/**
 * Starts the browser that CHROMIUM names, or Chromium or Chrome where they are usually installed, or one from npm. It is
 * controlled by this version of `playwright-core`. What comes from npm is installed into the folder on first use. Ends
 * the process with status 69 if the package or a browser cannot be had.
 */
export async function startBrowser(version, folder) {
  const { driver, program } = await installBrowser(version, folder);
  const { executablePath, env } = program;
  try {
    return await driver.launch({ executablePath, env: { ...process.env, ...env }, timeout: PAGE_LIMIT_MS });
  } catch (error) {
    unavailable(`${executablePath} does not start: ${error.message.split("\n")[0]}`);
  }
}

/** Installs what is missing to start the browser. Only one process at a time may do so in a folder. */
export async function installBrowser(version, folder) {
  mkdirSync(folder, { recursive: true });
  const { chromium } = createRequire(join(install(PACKAGE, version, folder), "/"))(PACKAGE);
  return { driver: chromium, program: await program(folder) };
}

/** The path of the browser, and the variables that its environment needs. */
async function program(folder) {
  const named = process.env.CHROMIUM;
  const found = (process.env.PATH ?? "").split(delimiter).flatMap((path) => NAMES.map((name) => join(path, name)));
  const path = (named ? [named] : [...found, ...PLACES]).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (path) return { executablePath: path, env: {} };
  if (named) unavailable(`CHROMIUM names ${named}, which is no file`);
  if (!isForThisMachine) unavailable("there is neither Chromium nor Chrome");
  return packedBrowser(folder);
}
