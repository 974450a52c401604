import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { keepLinksInside } from "./links-inside.mjs";
import { makeRunnable } from "./runnable.mjs";

const docs = fileURLToPath(new URL("..", import.meta.url));

/** A row of the sidebar for each page of a folder, by the page's own heading. */
const pagesIn = (folder) =>
  existsSync(join(docs, folder))
    ? readdirSync(join(docs, folder), { recursive: true, encoding: "utf8" })
        .map((name) => name.replaceAll("\\", "/"))
        .filter((name) => name.endsWith(".md"))
        .sort()
        .map((name) => ({
          text: /^# (.+)$/m.exec(readFileSync(join(docs, folder, name), "utf8"))?.[1] ?? name,
          link: `/${folder}/${name}`,
        }))
    : [];

/** The guide before tables of figures, and these before the reference. */
const searchOptions = {
  boostDocument: (address) => (address.includes("api/@") ? 0.2 : address.includes("generated/") ? 0.5 : 1),
};

/** What the search reads of a page: of the API names and what they do, without the headings of every parameter and return value. */
const renderForSearch = (source, env, md) => {
  const words = env.relativePath.startsWith("api/") ? source.replace(/^#{4,} .*$/gm, "") : source;
  return md.render(words, env);
};

const rows = (table) => Object.entries(table).map(([link, text]) => ({ text, link }));

export default defineConfig({
  lang: "en",
  title: "Tessera",
  description: "Deep learning in TypeScript with layers that are sparse for real",
  // Four tiles, one of them missing.
  head: [
    [
      "link",
      {
        rel: "icon",
        href: `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8" fill="#0f6b63"><path d="M0 0h3.5v3.5H0zM4.5 4.5H8V8H4.5zM0 4.5h3.5V8H0z"/></svg>')}`,
      },
    ],
  ],
  srcExclude: ["node_modules/**"],
  markdown: {
    config: (md) => {
      keepLinksInside(md, docs);
      makeRunnable(md);
    },
  },
  vite: {
    // Examples run on the sources, as the tests do.
    resolve: { conditions: ["@tessera/source"] },
    server: { fs: { allow: [join(docs, "..")] } },
    build: { chunkSizeWarningLimit: 4000 },
  },
  themeConfig: {
    search: { provider: "local", options: { _render: renderForSearch, miniSearch: { searchOptions } } },
    outline: [2, 3],
    docFooter: { prev: "Before", next: "Next" },
    nav: rows({
      "/guide/getting-started.md": "Start",
      "/guide/recipes.md": "Recipes",
      "/api/README.md": "API",
      "/benchmarks.md": "Benchmarks",
    }),
    sidebar: [
      {
        text: "Start",
        items: rows({
          "/guide/getting-started.md": "Getting started",
          "/own-model.md": "Your own model, end to end",
          "/guide/command-line.md": "Command line",
        }),
      },
      {
        text: "Guide",
        items: rows({
          "/guide/tensors.md": "Tensors and memory",
          "/guide/gradients.md": "Gradients",
          "/guide/modules.md": "Modules and training",
          "/guide/block-sparsity.md": "Block sparsity",
          "/guide/patching.md": "Patching",
          "/sparse-training.md": "Sparse training and the instrument",
          "/guide/checkpoints.md": "Checkpoints and Hugging Face",
          "/guide/devices.md": "Devices and speed",
          "/guide/extending.md": "Extending",
          "/guide/recipes.md": "Recipes",
        }),
      },
      {
        text: "Coming from",
        items: rows({
          "/guide/from-pytorch.md": "PyTorch",
          "/guide/from-keras.md": "Keras",
          "/guide/from-tfjs.md": "TensorFlow.js",
        }),
      },
      {
        text: "Reference",
        items: [
          { text: "API", link: "/api/README.md", collapsed: true, items: pagesIn("api/@tessera") },
          ...rows({
            "/generated/ops.md": "Ops, devices, gradients",
            "/dtypes.md": "Dtypes",
            "/edges.md": "NaN, infinity and other edges",
            "/guide/errors.md": "Errors explained",
          }),
        ],
      },
      {
        text: "Measured",
        items: [
          ...rows({
            "/benchmarks.md": "Benchmarks",
            "/generated/peers.md": "Tessera and others",
            "/generated/size.md": "Sizes of bundles",
          }),
          {
            text: "Studies",
            link: "/studies/index.md",
            collapsed: true,
            items: pagesIn("studies").filter(({ link }) => !link.endsWith("/index.md")),
          },
          ...rows({ "/reliability.md": "Reliability", "/limits.md": "Limits" }),
          { text: "Tables", collapsed: true, items: pagesIn("generated") },
        ],
      },
      { text: "Decisions", collapsed: true, items: [{ text: "Style", link: "/style.md" }, ...pagesIn("decisions")] },
    ],
  },
});
