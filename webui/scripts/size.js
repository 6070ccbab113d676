/** Fails when what a browser must load before the inbox shows outgrows its budget (gzip, kB of 1000 octets). */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = fileURLToPath(new URL("../../src/pymailcore/web/static/", import.meta.url));
const budget = { html: 5, js: 90, css: 15 };
const requests = 8;

const page = await readFile(`${folder}index.html`, "utf8");
const named = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1] ?? "");
const size = async (/** @type {string} */ name) => gzipSync(await readFile(`${folder}${name}`), { level: 9 }).length;

const spent = { html: await size("index.html"), js: 0, css: 0 };
for (const name of named) {
  if (name.endsWith(".js")) spent.js += await size(name);
  if (name.endsWith(".css")) spent.css += await size(name);
}
let failed = named.length + 1 > requests;
for (const kind of /** @type {("html" | "js" | "css")[]} */ (["html", "js", "css"])) {
  const used = spent[kind] / 1000;
  failed ||= used > budget[kind];
  console.log(`${kind.padEnd(5)} ${used.toFixed(1).padStart(6)} kB of ${budget[kind]} kB`);
}
const chunks = (await readdir(`${folder}assets`)).filter((name) => /\.(?:js|css)$/.test(name) && !named.includes(`assets/${name}`));
for (const name of chunks) console.log(`lazy  ${((await size(`assets/${name}`)) / 1000).toFixed(1).padStart(6)} kB ${name}`);
console.log(`${named.length + 1} requests of ${requests} before the first call of the API`);
if (failed) {
  console.error("over budget: see above");
  process.exitCode = 1;
}
