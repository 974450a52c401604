// `npm run site`, part of `npm run build`: the static page, in dist.
import { fileURLToPath } from "node:url";
import { build } from "vite";
import "./make-texts.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
await build({ root, configFile: `${root}vite.config.ts`, logLevel: "warn" });
