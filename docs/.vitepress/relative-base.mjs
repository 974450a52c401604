// `node relative-base.mjs DIST BASE`: turns a site that was built for the folder BASE into one that works in every folder.
//
// VitePress writes its base into pages, styles and scripts. Here each becomes what the page finds out: pages name files relative to
// themselves, and scripts ask `__tesseraBase`, which a line at the head of each page sets from the page's own address.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [dist, base] = process.argv.slice(2);
const escaped = base.replace(/[/.]/g, "\\$&");

/** In a script: literals and templates that begin with the base, and the JSON in a literal that VitePress gives its pages. */
const inScript = (text) =>
  text
    .replace(
      new RegExp(`(["'])${escaped}([^"'\\\\\\n]*)\\1`, "g"),
      (_, _quote, rest) => `(globalThis.__tesseraBase+${JSON.stringify(rest)})`,
    )
    .replaceAll(`\`${base}`, "`${globalThis.__tesseraBase}")
    .replaceAll(`\\"${base}`, '\\""+globalThis.__tesseraBase+"');

/** The index of the search: one literal of JSON in single quotes or backticks, with addresses as keys and values. */
const inIndex = (text) =>
  /^[^{]*`/.test(text)
    ? text.replaceAll(`"${base}`, '"${globalThis.__tesseraBase}')
    : text.replaceAll(`"${base}`, `"'+globalThis.__tesseraBase+'`);

/** In a style: all of them lie in assets/, and so does what they name. */
const inStyle = (text) => text.replaceAll(`${base}assets/`, "./");

const inPage = (text, path) => {
  const up = "../".repeat(path.split("/").length - 1) || "./";
  const setBase = `<script>globalThis.__tesseraBase=new URL(${JSON.stringify(up)},location.href).pathname</script>`;
  const scripts = [];
  const kept = text.replace(/<script(?![^>]*\bsrc=)[^>]*>[\s\S]*?<\/script>/g, (script) => {
    scripts.push(inScript(script));
    return `\0${scripts.length - 1}\0`;
  });
  return kept
    .replaceAll(`="${base}`, `="${up}`)
    .replace(/\0(\d+)\0/g, (_, index) => scripts[index])
    .replace("<head>", `<head>${setBase}`);
};

const left = [];
for (const entry of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  const path = entry.replaceAll("\\", "/");
  const change = path.includes("@localSearchIndex")
    ? inIndex
    : path.endsWith(".html")
      ? inPage
      : path.endsWith(".js")
        ? inScript
        : path.endsWith(".css")
          ? inStyle
          : undefined;
  if (!change) continue;
  const text = change(readFileSync(join(dist, path), "utf8"), path);
  if (text.includes(base))
    left.push(`${path}: …${text.slice(Math.max(0, text.indexOf(base) - 60), text.indexOf(base) + 60)}…`);
  writeFileSync(join(dist, path), text);
}
if (left.length > 0) {
  console.error(`relative-base: the base is left in\n${left.join("\n")}`);
  process.exit(1);
}
