// Chromium from npm, for machines without a browser: the package `@sparticuz/chromium`, for Linux on x86-64.

import { createReadStream, createWriteStream, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { spawnSync } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { install, unavailable } from "./npm-package.mjs";

const PACKAGE = "@sparticuz/chromium";
const VERSION = "153.0.0";

/** Whether the package has a browser for this machine. */
export const isForThisMachine = process.platform === "linux" && process.arch === "x64";

/**
 * The path of the browser, and the variables that its environment needs. The package is installed into the folder on
 * first use. Its scripts do not run, and its code is not used: only its packed files. Ends the process with status 69 if
 * the package cannot be had.
 */
export async function packedBrowser(folder) {
  const place = resolve(folder, "chromium");
  mkdirSync(place, { recursive: true });
  const packed = join(install(PACKAGE, VERSION, place), PACKAGE, "bin");
  const unpacked = join(place, `unpacked-${VERSION}`);
  if (!statSync(unpacked, { throwIfNoEntry: false })) {
    const unfinished = `${unpacked}-unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished);
    await unpack(join(packed, "chromium.br"), join(unfinished, "chromium"));
    // Libraries and fonts, which small systems do not have.
    for (const archive of ["al2023.tar", "fonts.tar"]) {
      await unpack(join(packed, `${archive}.br`), join(unfinished, archive));
      const tar = spawnSync("tar", ["-xf", archive], { cwd: unfinished, encoding: "utf8" });
      if (tar.status !== 0) unavailable(`tar cannot unpack ${archive}: ${tar.error?.message ?? tar.stderr}`);
      rmSync(join(unfinished, archive));
    }
    const cache = join(place, "fonts-cache");
    writeFileSync(join(unfinished, "fonts.conf"), `<fontconfig><dir>${join(unpacked, "fonts")}</dir><cachedir>${cache}</cachedir></fontconfig>\n`);
    renameSync(unfinished, unpacked);
  }
  const env = { LD_LIBRARY_PATH: join(unpacked, "lib") };
  if (!statSync("/etc/fonts/fonts.conf", { throwIfNoEntry: false })) env.FONTCONFIG_FILE = join(unpacked, "fonts.conf");
  return { executablePath: join(unpacked, "chromium"), env };
}

async function unpack(from, to) {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode: 0o755 }));
}
