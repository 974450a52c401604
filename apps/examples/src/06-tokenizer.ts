// A tokenizer: byte-level BPE, trained here, with the files that Hugging Face's libraries read.
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";

const texts = [
  "a small bird that eats seeds",
  "a large bird of prey that eats small birds",
  "a tree that bears small seeds",
  "seed-eating birds of the tropics",
];

// Starting from bytes, the most frequent pair of neighbours becomes a token, over and over.
const model = trainBpe(texts, { vocabSize: 300 });
const shown = model.merges.slice(0, 8).map(([left, right]) => `${left}+${right}`);
console.log(`${model.vocab.size} tokens, ${model.merges.length} merges: ${shown.join(" ")} …`);

const tokenizer = ByteLevelBpeTokenizer.fromModel(model);
const { ids, tokens } = tokenizer.encode("small birds eat <mask> seeds");
console.log(`tokens: ${tokens.join(" ")}`);
console.log(`ids:    ${ids.join(" ")}`);
console.log(`back:   ${tokenizer.decode(ids, { skipSpecialTokens: false })}`);

// Any text has tokens, for there are 256 bytes to fall back on, and decoding gives it back to the byte.
const odd = "naïve 鳥 🐦";
console.log(`"${odd}" comes back whole: ${tokenizer.decode(tokenizer.encode(odd).ids) === odd}`);

// Many texts at once, padded to the longest, ready for a tensor.
const batch = tokenizer.encodeBatch(["birds", "a small tree"], { maxLength: 16 });
console.log(`batch:  [${batch.shape.join(", ")}], mask ${Array.from(batch.attentionMask).join("")}`);

// The file that `tokenizers` and `transformers` read.
const again = ByteLevelBpeTokenizer.fromJSON(JSON.stringify(tokenizer.toJSON()));
console.log(`same after tokenizer.json: ${again.encode(odd).ids.join() === tokenizer.encode(odd).ids.join()}`);
