import { afterEach, expect, test, vi } from "vitest";

/** Runs an example and gives what it printed. */
const run = async (load: () => Promise<unknown>): Promise<string> => {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: unknown) => void lines.push(String(line)));
  await load();
  return lines.join("\n");
};

afterEach(() => {
  vi.restoreAllMocks();
});

test("01-tensors: views share memory, shapes broadcast, scopes free", async () => {
  const said = await run(() => import("./01-tensors.ts"));
  expect(said).toContain("x has shape [2, 3], dtype float32, device cpu");
  expect(said).toContain("xᵀ shares x's memory: true");
  expect(said).toContain("values: 2 4 6 8 10 12");
  expect(said).toContain("error: matmul: inner sizes differ, [2, 3] @ [2, 3]");
  expect(said).toContain("Σ (x² + 1) = 97");
  expect(said).toContain("tensors left by the scope: 1");
});

test("02-gradients: the tape and thirty lines by hand agree", async () => {
  const said = await run(() => import("./02-gradients.ts"));
  expect(said).toContain("by hand:     y = 0.7071  ∂y/∂w = 1.0000 0.2500");
  expect(said).toContain("by autograd: y = 0.7071  ∂y/∂w = 1.0000 0.2500");
  expect(said).toContain("(x³)″ at 2: 12");
  expect(said).toContain("exp‴ at 0: 1");
});

test("03-train-mlp: the loss falls, the moons part, and memory stays", { timeout: 30_000 }, async () => {
  const said = await run(() => import("./03-train-mlp.ts"));
  const losses = Array.from(said.matchAll(/step \d+: loss ([\d.]+)/g), ([, loss]) => Number(loss));
  expect(losses).toHaveLength(4);
  expect(losses[3]).toBeLessThan(losses[0]! / 2);
  expect(said).toContain("parameters: 82");
  expect(said).toContain("bytes in use grew by 0 from step 10 to step 200");
  expect(Number(/(\d+) of 200 points/.exec(said)![1])).toBeGreaterThanOrEqual(195);
});

test("04-block-sparse-linear: a tenth of the weights, and the function of its dense copy", async () => {
  const said = await run(() => import("./04-block-sparse-linear.ts"));
  expect(said).toContain("dense:  262400 parameters");
  // max(8, 32, round(0.1 · 8 · 32)) = 32 blocks of 32 × 32, and 256 biases: each column of blocks keeps one.
  expect(said).toContain("sparse: 33024 parameters, density 0.1250");
  expect(said).toContain("dead rows: 0, dead columns: 0");
  expect(said).toContain("y has shape [64, 256]");
  expect(said).toContain("gradient of the weight: [32, 32, 32]");
  expect(said).toContain("agrees with its dense copy: true");
});

test("05-patch-roberta: counts are as planned, and come back", async () => {
  const said = await run(() => import("./05-patch-roberta.ts"));
  const [before, after] = ["Initial", "Final"].map((word) =>
    Number(new RegExp(`${word} model parameters count=(\\d+)`).exec(said)![1]),
  );
  expect(before! - after!).toBe((2 * (512 * 128 + 128 * 512 + 128 * 128)) / 2);
  expect(said).toContain("as planned: true");
  expect(said).toContain(`dense again: ${before}`);
  expect(said).toMatch(/error: .*decoder/);
});

test("06-tokenizer: texts come back whole", async () => {
  const said = await run(() => import("./06-tokenizer.ts"));
  expect(said).toContain("tokens: <s> s mal l Ġbirds Ġeat <mask> Ġseeds </s>");
  expect(said).toContain("comes back whole: true");
  expect(said).toContain("same after tokenizer.json: true");
});

test("07-masked-lm: it learns who eats what", { timeout: 60_000 }, async () => {
  const said = await run(() => import("./07-masked-lm.ts"));
  expect(said).toContain("the cow eats<mask> → the cow eats grass");
  expect(said).toContain("the<mask> eats seeds → the bird eats seeds");
});

test("08-finetune-sparse: a patched model learns, and comes back from its folder", { timeout: 30_000 }, async () => {
  const said = await run(() => import("./08-finetune-sparse.ts"));
  expect(Number(/accuracy on what it learned: ([\d.]+)/.exec(said)![1])).toBeGreaterThan(0.9);
  expect(said).toContain("read back: same accuracy and parameters: true");
});

test("09-own-op: an op from outside is checked, and differentiated twice", async () => {
  const said = await run(() => import("./09-own-op.ts"));
  expect(said).toContain("leakyRelu: tensor([-0.2000, -0.1000,  0.5000,  3.0000])");
  expect(said).toContain("gradient:  tensor([0.1000, 0.1000, 1.0000, 1.0000])");
  expect(said).toContain("second:    tensor([0.0200, 0.0200, 2.0000, 2.0000])");
  expect(said).toContain("error:     leakyRelu: expected float32, got bool");
});
