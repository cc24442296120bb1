// Installs what is missing to start a browser for tests: node scripts/install-browser.mjs VERSION FOLDER
//
// VERSION and FOLDER are those of `playwright-core`, as in open-in-browser.mjs. Only one process at a time may run this
// script for a folder. Exits with status 69 if the package or a browser cannot be had.

import { installBrowser } from "./browser.mjs";

const [version, folder] = process.argv.slice(2);
if (!version || !folder) {
  console.error("usage: node scripts/install-browser.mjs VERSION FOLDER");
  process.exit(2);
}
await installBrowser(version, folder);
