/**
 * Writes a .br and a .gz twin beside every text file of the build, so that the server never compresses.
 * A twin that is no smaller than its original is not written.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = fileURLToPath(new URL("../../src/pymailcore/web/static/", import.meta.url));
const text = /\.(?:html|js|css|svg|json|webmanifest|txt)$/;

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !text.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = await readFile(path);
  const twins = {
    br: brotliCompressSync(plain, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
    }),
    gz: gzipSync(plain, { level: 9 }),
  };
  for (const [suffix, octets] of Object.entries(twins)) {
    if (octets.length < plain.length) await writeFile(`${path}.${suffix}`, octets);
  }
}
