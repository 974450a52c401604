import { expect, it } from "vitest";
import { ArgumentError } from "../../error.ts";
import { input, output, scalar, scratch } from "../../slots.ts";
import { high, kernel, low, read, readStruct, when, write } from "./kernel.ts";
import { variants } from "./variants.ts";
import { walkOf, walkTo, walkWords } from "./walk.wgsl.ts";
import { buffers, floats, vectors } from "./word-groups.ts";

const scale = kernel(
  {
    name: "scale",
    workgroup: 64,
    words: { count: "u32", factor: "f32", seed: "u32" },
    bind: { x: read("f32"), y: write("vec4<f32>") },
  },
  (k) => `
fn twice(v: f32) -> f32 { return v + v; }
${k.main} {
  let i = ${k.invocation};
}`,
);

it("writes the words, the bindings and the head of main, and the body as it is", () => {
  const { shader } = scale({ count: 1, factor: 2, seed: 3, x: input(0), y: output(0) }, { workgroups: 1 });
  expect(shader).toEqual({
    label: "scale",
    wgsl: `struct Words { count: u32, factor: f32, seed: u32 }
@group(0) @binding(0) var<uniform> w: Words;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn twice(v: f32) -> f32 { return v + v; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * 64u + lane;
}`,
  });
});

it("makes a step of what goes by name, whatever the order, with one shader for all", () => {
  const first = scale({ seed: low("seed"), factor: 0.5, count: 7, y: scratch(1), x: input(2) }, { workgroups: 3 });
  expect(first).toMatchObject({
    bind: [{ in: 2 }, { scratch: 1 }],
    words: [7, { f32: 0.5 }, { low: "seed" }],
    workgroups: 3,
  });
  const rest = { count: 1, x: input(0), y: output(0) };
  const second = scale({ ...rest, factor: scalar("by"), seed: high("seed") }, { workgroups: 1 });
  expect(second.words).toEqual([1, { scalar: "by" }, { high: "seed" }]);
  expect(second.shader).toBe(first.shader);
});

it("names in main what is used there, and nothing else", () => {
  const body = (text: string) =>
    kernel({ name: "k", workgroup: 1, words: {}, bind: {} }, (k) => `${k.main} { ${text} }`)({}, { workgroups: 1 });
  expect(body("").shader.wgsl).toContain("fn main() {");
  expect(body("let a = w.group; // group").shader.wgsl).toContain("fn main() {");
  expect(body("let a = lane;").shader.wgsl).toContain("fn main(@builtin(local_invocation_index) lane: u32) {");
  expect(body("").words).toBeUndefined();
});

const optional = variants(({ biased }: { readonly biased: boolean }) =>
  kernel(
    {
      name: "add",
      workgroup: 64,
      words: { n: "u32", start: when(biased, "u32") },
      bind: { x: read("f32"), bias: when(biased, read("f32")), y: write("f32") },
      faults: true,
    },
    (k) => `${k.main} { report(i32(lane)); }`,
  ),
);
const reported = { workgroups: 1, fault: (value: number) => `got ${value}` };

it("has variants with and without a word or a binding, and one of each", () => {
  const [with_, without] = [optional({ biased: true }), optional({ biased: false })];
  expect(optional({ biased: true })).toBe(with_);
  const given = { n: 4, x: input(0), y: output(0) };
  expect(with_({ ...given, start: 2, bias: input(1) }, reported)).toMatchObject({
    bind: [{ in: 0 }, { in: 1 }, { out: 0 }],
    words: [4, 2],
  });
  const { shader, ...step } = without({ ...given, start: null, bias: null }, reported);
  expect(step).toMatchObject({ bind: [{ in: 0 }, { out: 0 }], words: [4] });
  expect(step.fault!(3)).toBe("got 3");
  // The report comes last.
  expect(shader.wgsl).toContain("struct Words { n: u32, fault: u32 }");
  expect(shader.wgsl).toContain("@group(0) @binding(3) var<storage, read_write> fault: array<atomic<u32>>;");
});

it("refuses what a variant does not have, lacks, or does not know, by text", () => {
  const given = { n: 4, x: input(0), y: output(0) };
  const refused = (call: () => unknown, message: string) => {
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(message);
  };
  refused(
    () => optional({ biased: false })({ ...given, start: null, bias: input(1) }, reported),
    'add: expected null for bias, which this variant does not have, got {"in":1}; choose another one',
  );
  refused(
    () => optional({ biased: true })({ ...given, start: 0, bias: null }, reported),
    "add: expected a value for bias, got none; choose a variant without it",
  );
  const more = { ...given, start: null, bias: null, m: 3 };
  refused(
    () => optional({ biased: false })(more, reported),
    "add: expected n, start, x, bias, y, got also m; leave it out",
  );
  const mainless = kernel({ name: "k", workgroup: 1, words: {}, bind: {} }, () => "fn main() {}");
  refused(() => mainless({}, { workgroups: 1 }), "k: a kernel's text has one main; write ${k.main} before its braces");
});

it("lays groups of words and buffers out: walks, lists, vectors at a multiple of four words", () => {
  const walk = walkOf([2, 3, 4], {
    to: { strides: [12, 4, 1], offset: 0 },
    from: { strides: [1, 2, 6], offset: 5 },
  });
  const walked = kernel(
    {
      name: "walk",
      workgroup: 1,
      words: { rows: "u32", walk: walkWords(walk.rank, ["from", "to"]), p: floats(["p0", "p1"]), parts: vectors(1) },
      bind: { c: readStruct("Common"), xs: buffers(2, read("f32")) },
    },
    (k) => `struct Common { a: u32 }\n${k.main} { ${walkTo(walk.rank, ["from", "to"], "0u")} }`,
  );
  const slots = { c: scratch(0), xs: [input(0), input(3)] };
  const step = walked({ ...slots, rows: 9, walk, p: [1, scalar("s")], parts: [1, 2, 3, 4] }, { workgroups: 1 });
  const members =
    "rows: u32, total: u32, size0: u32, size1: u32, size2: u32, fromStart: u32, fromStep0: u32, fromStep1: u32, fromStep2: u32, " +
    "toStart: u32, toStep0: u32, toStep1: u32, toStep2: u32, p0: f32, p1: f32, parts: array<vec4<u32>, 1>";
  expect(step.shader.wgsl).toContain(`struct Words { ${members} }`);
  expect(step.shader.wgsl).toContain("@binding(1) var<storage, read> c: Common;");
  expect(step.shader.wgsl).toContain("@binding(3) var<storage, read> xs1: array<f32>;");
  const words = [9, 24, 2, 3, 4, 5, 1, 2, 6, 0, 12, 4, 1, { f32: 1 }, { scalar: "s" }];
  expect(step.words).toEqual([...words, 0, 1, 2, 3, 4]);
  expect(step.bind).toEqual([{ scratch: 0 }, { in: 0 }, { in: 3 }]);
  const given = { ...slots, rows: 9, walk, p: [1, 2] };
  expect(() => walked({ ...given, parts: [1, 2] }, { workgroups: 1 })).toThrow(
    "walk: expected 4 words for parts, got 2; choose the variant that fits",
  );
  expect(() => walked({ ...given, xs: [input(0)], parts: [1, 2, 3, 4] }, { workgroups: 1 })).toThrow(
    "walk: expected 2 slots for xs, got 1; choose the variant that fits",
  );
});
