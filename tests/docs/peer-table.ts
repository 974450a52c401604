// docs/generated/peers.md: Tessera and other libraries, from docs/data/peers.json.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./pages.ts";

interface Peers {
  readonly looked: string;
  readonly libraries: readonly { readonly name: string; readonly version: string }[];
  readonly rows: readonly {
    readonly question: string;
    readonly cells: readonly { readonly is: string; readonly source: string }[];
  }[];
}

export const readPeers = (): Peers => JSON.parse(readFileSync(join(root, "docs/data/peers.json"), "utf8")) as Peers;

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** The page. Each cell is a link to where it was read. */
export const peerTable = (): string => {
  const { looked, libraries, rows } = readPeers();
  const head = ["", ...libraries.map(({ name, version }) => `${name} ${version}`)];
  return [
    "# Tessera and others",
    "",
    "Made by `npm run docs:ops` from docs/data/peers.json; a test compares. Each cell is a link to where it was read, on",
    `${looked} or shortly before. Speeds beside these libraries, measured in one run, are in the [benchmarks](../benchmarks.md).`,
    "",
    row(head),
    row(head.map(() => "---")),
    ...rows.map(({ question, cells }) =>
      row([question, ...cells.map(({ is, source }) => `[${is === "" ? "see its limits" : is}](${source})`)]),
    ),
    "",
  ].join("\n");
};
