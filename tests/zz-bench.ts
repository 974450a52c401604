import { generate, GPT2Config, GPT2LMHeadModel } from "@tessera/models";
import { Generator } from "@tessera/tensor";
const model = new GPT2LMHeadModel(new GPT2Config({ vocabSize: 65, nEmbd: 384, nHead: 6, nLayer: 6, nPositions: 256 }), { generator: new Generator(1) }).eval();
const prompt = [1];
const run = async (useCache: boolean, maxNewTokens: number): Promise<number> => {
  const start = performance.now();
  await generate(model, prompt, { maxNewTokens, eosTokenId: null, useCache });
  return (maxNewTokens / (performance.now() - start)) * 1000;
};
await run(true, 40);
await run(false, 10);
for (let i = 0; i < 2; i++) console.log("cache", (await run(true, 255)).toFixed(1), "tokens/s; without", (await run(false, 255)).toFixed(1));
