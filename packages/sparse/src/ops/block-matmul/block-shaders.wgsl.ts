import {
  finishFunction,
  kernel,
  placeVectors,
  read,
  threadsOf,
  tileDeclarations,
  tileEnd,
  tileLoop,
  tileStart,
  variants,
  vectorPlace,
  when,
  write,
  type Form,
  type Runs,
  type TilePlan,
  type TileText,
  type WebgpuActivation,
} from "@tessera/tensor/extend";

/**
 * How the dense factors are read. exact: vec4s without a test, since tokens and features fill whole tiles and blocks; edges: the same where
 * the last tile has fewer tokens, the last one is read again and its products dropped; vector: vec4s, zeros outside; scalar: element by
 * element.
 */
export type Access = "exact" | "edges" | "vector" | "scalar";

/** Four features of a token from feature `at` on, of the rows `name` that are `width` wide; 0 outside of [tokens, width]. */
const featuresFunction = (name: string, form: Form, access: "vector" | "scalar"): string => {
  const array = `${name}Values`;
  const body = {
    vector: `if (token >= w.tokens || at >= width) { return vec4<f32>(); }
  return ${array}[(w.${name}Start + token * width + at) / 4u];`,
    scalar: `var v = vec4<f32>();
  ${(form === "rolled" ? ["j"] : ["0u", "1u", "2u", "3u"])
    .map(
      (i) => `{ let i = ${i}; let inside = token < w.tokens && at + i < width;
    v[i] = select(0.0, ${array}[select(w.${name}Start, w.${name}Start + token * width + at + i, inside)], inside); }`,
    )
    .map((line) => (form === "rolled" ? `for (var j = 0u; j < 4u; j++) ${line}` : line))
    .join("\n  ")}
  return v;`,
  }[access];
  return `fn ${name}At(token: u32, at: u32, width: u32) -> vec4<f32> {\n  ${body}\n}`;
};

const element = (access: Access): string => (access === "scalar" ? "f32" : "vec4<f32>");

/** What kernels of lines differ in. */
interface LineChoices {
  readonly label: string;
  readonly blockSize: number;
  readonly plan: TilePlan;
  readonly form: Form;
  readonly access: Access;
  readonly permuted: boolean;
  readonly runs: Runs;
  readonly activation: WebgpuActivation;
  readonly bias: boolean;
  /** Whether the sums before the activation are written, too. */
  readonly pre: boolean;
}

/**
 * y = f(x Wᵀ + bias), or dx = dy W: for each token and each feature of a line, the sum over the line's stored blocks. A line is a row of
 * blocks for the first, a column for the second (`permuted`), which also finds its blocks by a permutation. A block's memory runs along k,
 * as W's does for x Wᵀ, or across.
 *
 * A workgroup computes bm tokens of one line, in steps of bk within a block; see tiles.wgsl.ts of tensor. x [tokens, from],
 * values [n, b, b], y [tokens, to].
 */
export const multiplyLines = variants(
  ({ label, blockSize, plan, form, access, permuted, runs, activation, bias, pre }: LineChoices) => {
    const perBlock = blockSize / plan.bk;
    const area = blockSize * blockSize;
    const text: TileText = {
      plan,
      form,
      runs: { A: "along", B: runs },
      lane: (operand, across, k, name) => {
        if (operand === "B")
          return `let ${name} = (w.valuesStart + ${runs === "across" ? `${k} * ${blockSize}u + ${across}` : `${across} * ${blockSize}u + ${k}`}) / 4u;`;
        if (access === "exact") return `let ${name} = (w.xStart + (token0 + ${across}) * w.from_ + ${k}) / 4u;`;
        if (access === "edges")
          return placeVectors(
            name,
            (i) => `(w.xStart + min(token0 + ${across} + ${i}u, w.tokens - 1u) * w.from_ + ${k}) / 4u`,
          );
        return `let ${name}Across = token0 + ${across}; let ${name}K = ${k};`;
      },
      begin: "stepOf(first, blocks, at)",
      one: "min(w.lines, 1u)",
      load: (operand, name, i) => {
        if (operand === "B") return `values[${name} + (begin.y + ${i} * ${blockSize}u) / 4u]`;
        if (access === "exact") return `xValues[${name} + begin.x / 4u + ${i} * (w.from_ / 4u)]`;
        if (access === "edges") return `xValues[${vectorPlace(name, i)} + begin.x / 4u]`;
        return `xAt(${name}Across + ${i}, begin.x + ${name}K, w.from_)`;
      },
    };
    const store = (row: string, column: string, value: string): string => {
      if (access === "scalar") return `put(token0 + ${row}, feature0 + ${column}, ${value});`;
      const body = [
        `let place = (token * w.to + feature) / 4u; var v = ${value};`,
        ...(bias ? ["v += biases[(w.bias + feature) / 4u];"] : []),
        ...(pre ? ["pres[place] = v;"] : []),
        "ys[place] = finish(v);",
      ].join(" ");
      const test = access === "exact" ? "" : "if (token < w.tokens && feature < w.to) ";
      return `{ let token = token0 + ${row}; let feature = feature0 + ${column}; ${test}{ ${body} } }`;
    };
    return kernel(
      {
        name: label,
        workgroup: threadsOf(plan),
        words: {
          lines: "u32",
          tokens: "u32",
          from_: "u32",
          to: "u32",
          xStart: "u32",
          valuesStart: "u32",
          pointersStart: "u32",
          indicesStart: "u32",
          permutationStart: "u32",
          bias: "u32",
        },
        bind: {
          xValues: read(element(access)),
          values: read("vec4<f32>"),
          index: read("i32"),
          biases: when(bias, read(element(access))),
          ys: write(element(access)),
          pres: when(pre, write(element(access))),
        },
      },
      (k) => /* wgsl */ `
${tileDeclarations(text)}
${finishFunction(activation)}
${access === "vector" || access === "scalar" ? featuresFunction("x", form, access) : ""}
/** Where step \`at\` of a line begins: in a row of x, and in the values. */
fn stepOf(first: u32, blocks: u32, at: u32) -> vec2<u32> {
  let n = first + min(at / ${perBlock}u, max(blocks, 1u) - 1u);
  let k = (at % ${perBlock}u) * ${plan.bk}u;
  let block = ${permuted ? "u32(index[w.permutationStart + n])" : "n"};
  return vec2<u32>(u32(index[w.indicesStart + n]) * ${blockSize}u + k, block * ${area}u + k${runs === "across" ? ` * ${blockSize}u` : ""});
}
${
  access === "scalar"
    ? `fn put(token: u32, feature: u32, sums: vec4<f32>) {
  var v = sums;
  for (var i = 0u; i < 4u; i++) {
    if (token >= w.tokens || feature + i >= w.to) { continue; }
    let place = token * w.to + feature + i;
    ${bias ? "v[i] += biases[w.bias + feature + i];" : ""}
    ${pre ? "pres[place] = v[i];" : ""}
    ys[place] = finish(v)[i];
  }
}`
    : ""
}

${k.main} {
  let tile = ${k.group};
  // Lines of the same tokens follow each other, and share what they read of x.
  let line = tile % w.lines;
  let token0 = tile / w.lines * ${plan.bm}u;
  if (token0 >= w.tokens) { return; }
  let feature0 = line * ${blockSize}u;
  let first = u32(index[w.pointersStart + line]);
  let blocks = u32(index[w.pointersStart + line + 1u]) - first;
  ${tileStart(text)}
  ${tileLoop(text, `blocks * ${perBlock}u`)}
  ${tileEnd(text, store)}
}`,
    );
  },
);

interface BlockChoices extends Pick<LineChoices, "blockSize" | "plan" | "form"> {
  readonly access: Exclude<Access, "edges">;
}

/**
 * dValues[n] = Σ_t dy[t, row n]ᵀ x[t, column n] over a part of the tokens. A workgroup computes up to bn / b blocks that follow each other in
 * a row of blocks: they share its features of dy.
 */
export const multiplyAtBlocks = variants(({ blockSize, plan, form, access }: BlockChoices) => {
  const b = blockSize;
  const area = b * b;
  const features = {
    A: (across: string): string => `line * ${b}u + ${across}`,
    B: (across: string): string =>
      `u32(index[w.columnsStart + min(first + (${across}) / ${b}u, end - 1u)]) * ${b}u + (${across}) % ${b}u`,
  };
  // What sticks out of the matrix is 0, also where what it would be a product of is not finite.
  const ragged = access !== "exact";
  const names = { A: ["dy", "outputs"], B: ["x", "inputs"] } as const;
  const text: TileText = {
    plan,
    form,
    runs: { A: "across", B: "across" },
    lane: (operand, across, k, name) => {
      const [factor, width] = names[operand];
      const feature = features[operand](across);
      return access === "exact"
        ? `let ${name} = (w.${factor}Start + (token0 + ${k}) * w.${width} + ${feature}) / 4u;`
        : `let ${name}Across = ${feature}; let ${name}K = token0 + ${k};`;
    },
    load: (operand, name, i) => {
      const [factor, width] = names[operand];
      return access === "exact"
        ? `${factor}Values[${name} + (at * ${plan.bk}u + ${i}) * (w.${width} / 4u)]`
        : `${factor}At(${name}K + at * ${plan.bk}u + ${i}, ${name}Across, w.${width})`;
    },
    one: "min(w.groups, 1u)",
  };
  // The tokens of a part end inside a step only where the last part does, and there everything beyond is read as 0.
  return kernel(
    {
      name: "sdd",
      workgroup: threadsOf(plan),
      words: {
        groups: "u32",
        perLine: "u32",
        parts: "u32",
        tokens: "u32",
        part: "u32",
        blocks: "u32",
        outputs: "u32",
        inputs: "u32",
        dyStart: "u32",
        xStart: "u32",
        pointersStart: "u32",
        columnsStart: "u32",
      },
      bind: {
        dyValues: read(element(access)),
        xValues: read(element(access)),
        index: read("i32"),
        dValues: write("vec4<f32>"),
      },
    },
    (k) => /* wgsl */ `
${tileDeclarations(text)}
${access === "exact" ? "" : `${featuresFunction("dy", form, access)}\n${featuresFunction("x", form, access)}`}
${
  ragged
    ? /* wgsl */ `
fn inside(v: vec4<f32>, output: u32, input: u32) -> vec4<f32> {
  return select(vec4<f32>(), v, (vec4<u32>(input) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(w.inputs)) & vec4<bool>(output < w.outputs));
}`
    : ""
}

${k.main} {
  let tile = ${k.group};
  let part = tile / w.groups;
  if (part >= w.parts) { return; }
  let line = tile % w.groups / w.perLine;
  let first = u32(index[w.pointersStart + line]) + tile % w.perLine * ${plan.bn / b}u;
  let end = u32(index[w.pointersStart + line + 1u]);
  // A row has as many blocks as it has, and workgroups for all that it could have.
  if (first >= end) { return; }
  let token0 = part * w.part;
  let tokens = min(w.part, w.tokens - token0);
  ${tileStart(text)}
  ${tileLoop(text, `(tokens + ${plan.bk - 1}u) / ${plan.bk}u`)}
  ${tileEnd(text, (row, column, value) => {
    const kept = ragged ? `inside(${value}, ${features.A(row)}, ${features.B(column)})` : value;
    return `{ let n = first + ${column} / ${b}u; if (n < end) { dValues[((part * w.blocks + n) * ${area}u + ${row} * ${b}u + ${column} % ${b}u) / 4u] = ${kept}; } }`;
  })}
}`,
  );
});

export const COPY_WORKGROUP = 256;

/** The values from the start of a buffer; an invocation copies one element. */
export const copyValues = variants(({ label }: Pick<LineChoices, "label">) =>
  kernel(
    {
      name: label,
      workgroup: COPY_WORKGROUP,
      words: { size: "u32", start: "u32" },
      bind: { values: read("f32"), copied: write("f32") },
    },
    (k) => /* wgsl */ `
${k.main} {
  let i = ${k.invocation};
  if (i < w.size) { copied[i] = values[w.start + i]; }
}`,
  ),
);
