/**
 * The heart of every matrix product on a GPU, dense or block-sparse: a workgroup computes a tile C[bm, bn] = Σ_k A[bm, k] B[k, bn].
 *
 * Steps of bk go through workgroup memory, k-major: tileA[k][m], tileB[k][n], as vec4s along m and n. An invocation keeps tm × tn sums
 * in registers, as tm/4 × tn/4 squares of 4 × 4 that lie bm·4/tm and bn·4/tn apart, so that neighbours read neighbouring vec4s. While
 * it multiplies one step, it has the next one's elements on their way from memory (two stages). Elements move in patches of 4 × 4:
 * four vec4s as they lie, turned in registers where memory runs along k. Sums are float32 in the order of k: deterministic.
 *
 * The text comes in two forms of the same program. unrolled: every sum is a variable with a name, which a GPU's compiler keeps in a
 * register. rolled: they are arrays and the repetitions are loops, since SwiftShader takes minutes to compile the other one.
 */
export interface TilePlan {
  /** Tells it from every other plan: shaders are found by it. */
  readonly name: string;
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly tm: number;
  readonly tn: number;
  /** Rounds of the innermost loop that are written out; 1 by default. Divides bk. */
  readonly unroll?: number;
  /** 2: the next step's elements are on their way during a step; 1: they come between steps, which takes fewer registers. */
  readonly stages: 1 | 2;
  /** Only so many squares on the tile's diagonal are computed: as many small products side by side. tm = tn = 4 then. */
  readonly diagonal?: number;
}

/** Which way an operand's memory runs: along k, or across (along m of A, n of B). */
export type Runs = "along" | "across";

export const threadsOf = ({ bm, bn, tm, tn, diagonal = 1 }: TilePlan): number => ((bm / tm) * (bn / tn)) / diagonal;

/** Bytes of workgroup memory. */
export const tileBytes = ({ bm, bn, bk, stages }: TilePlan): number => stages * bk * (bm + bn) * 4;

/** Whether a device with these limits, or with WebGPU's defaults where they say nothing, can run the plan. */
export const fitsDevice = (plan: TilePlan, limits: { readonly [name: string]: number }): boolean => {
  const threads = limits["maxComputeInvocationsPerWorkgroup"] ?? 256;
  const across = limits["maxComputeWorkgroupSizeX"] ?? 256;
  return (
    threadsOf(plan) <= Math.min(threads, across) &&
    tileBytes(plan) <= (limits["maxComputeWorkgroupStorageSize"] ?? 16384)
  );
};

export type Form = "unrolled" | "rolled";

/** The form that this device's compiler is good at. */
export const formFor = (limits: { readonly [name: string]: number }): Form =>
  limits["software"] === 1 ? "rolled" : "unrolled";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** `body` for i = 0 … n − 1: written out, or as a loop over a variable of that name. */
const repeat = (form: Form, n: number, name: string, body: (i: string) => string): string =>
  form === "unrolled"
    ? range(n)
        .map((i) => body(`${i}u`))
        .join("\n    ")
    : `for (var ${name} = 0u; ${name} < ${n}u; ${name}++) { ${body(name)} }`;

/** Element i of the list `name`, `i` a number's text where the form is unrolled. */
const item = (form: Form, name: string, i: string): string =>
  form === "unrolled" ? `${name}_${i.replace("u", "")}` : `${name}[${i}]`;

/** Declares a list of n vec4s, all 0. */
const list = (form: Form, name: string, n: number): string =>
  form === "unrolled"
    ? range(n)
        .map((i) => `var ${name}_${i} = vec4<f32>();`)
        .join(" ")
    : `var ${name}: array<vec4<f32>, ${n}>;`;

/**
 * A product. `load(operand, across, k)` is an expression for the vec4 of operand "A" or "B" that starts at an element of the tile: `across`
 * and `k` are expressions, k counted from the start of step `at`. It runs along k or across, as `runs` says.
 */
export interface TileText {
  readonly plan: TilePlan;
  readonly form: Form;
  readonly runs: { readonly A: Runs; readonly B: Runs };
  readonly load: (operand: "A" | "B", across: string, k: string) => string;
  /** Statements ahead of the loads of step `at`, for what they share. */
  readonly prepare?: string;
}

/** Declarations outside of main: the stages of each operand. */
export const tileDeclarations = ({ plan: { bm, bn, bk, stages }, form }: TileText): string => {
  const declare = (name: string, width: number): string =>
    form === "unrolled"
      ? range(stages)
          .map((stage) => `var<workgroup> ${name}${stage}: array<vec4<f32>, ${(bk * width) / 4}>;`)
          .join("\n")
      : `var<workgroup> ${name}: array<vec4<f32>, ${(stages * bk * width) / 4}>;`;
  return `${declare("tileA", bm)}\n${declare("tileB", bn)}`;
};

/**
 * A vec4 of a stage in workgroup memory. Unrolled, the stage is a number and has an array of its own: that an index is inside can then be
 * proved, and costs no test.
 */
const staged = ({ plan, form }: TileText, operand: "A" | "B", stage: string, index: string): string =>
  form === "unrolled"
    ? `tile${operand}${stage}[${index}]`
    : `tile${operand}[${stage} * ${(plan.bk * (operand === "A" ? plan.bm : plan.bn)) / 4}u + ${index}]`;

/** The sums, and the place of this invocation (`lane` is its number) in the tile. */
export const tileStart = ({ plan, form }: TileText): string => {
  const { bn, tm, tn } = plan;
  const columns = bn / tn;
  // 32 neighbours take a patch of 8 × 4 invocations, and eight of them one of 4 × 2: they read few different vec4s of either tile.
  const side = columns / (plan.diagonal ?? 1);
  const place =
    plan.diagonal !== undefined
      ? `let tx = lane / ${side * side}u * ${side}u + lane % ${side}u;
  let ty = lane / ${side * side}u * ${side}u + lane / ${side}u % ${side}u;`
      : columns % 8 === 0 && (plan.bm / plan.tm) % 4 === 0
        ? `let tx = (lane / 2u) % 8u + 8u * ((lane / 32u) % ${columns / 8}u);
  let ty = lane % 2u + 2u * ((lane / 16u) % 2u) + 4u * (lane / ${4 * columns}u);`
        : `let tx = lane % ${columns}u;
  let ty = lane / ${columns}u;`;
  return `${place}
  ${list(form, "c", (tm * tn) / 4)}`;
};

/** How patch `p` of an operand lies in the tile, in patches. Neighbours' loads and stores both lie together. */
const patchPlace = (width: number, bk: number, runs: Runs): { across: string; k: string } =>
  runs === "along" && (width / 4) % 8 === 0
    ? { across: `(p % 8u + 8u * (p / ${2 * bk}u))`, k: `((p / 8u) % ${bk / 4}u)` }
    : { across: `(p % ${width / 4}u)`, k: `(p / ${width / 4}u)` };

/** Lanes [from, to) take patches of an operand, from patch `first` on, into registers [4 · round, 4 · round + 4). */
interface Share {
  readonly round: number;
  readonly operand: "A" | "B";
  readonly from: number;
  readonly to: number;
  readonly first: number;
}

/** Which lanes move which patches: A's first, then B's, in rounds of all invocations. */
const sharesOf = (plan: TilePlan): Share[] => {
  const threads = threadsOf(plan);
  const ofA = (plan.bm * plan.bk) / 16;
  const total = ofA + (plan.bn * plan.bk) / 16;
  const shares: Share[] = [];
  for (let round = 0; round * threads < total; round++) {
    const [start, end] = [round * threads, Math.min((round + 1) * threads, total)];
    const cut = Math.min(Math.max(ofA, start), end);
    if (cut > start) shares.push({ round, operand: "A", from: 0, to: cut - start, first: start });
    if (end > cut) shares.push({ round, operand: "B", from: cut - start, to: end - start, first: cut - ofA });
  }
  return shares;
};

const rounds = (plan: TilePlan): number => Math.max(...sharesOf(plan).map(({ round }) => round)) + 1;

/** For each share: `body`, with `p` the patch that this lane takes. */
const eachShare = (plan: TilePlan, body: (share: Share, width: number) => string): string =>
  sharesOf(plan)
    .map((share) => {
      const { operand, from, to, first } = share;
      const conditions = [
        ...(from > 0 ? [`lane >= ${from}u`] : []),
        ...(to < threadsOf(plan) ? [`lane < ${to}u`] : []),
      ];
      const p = first >= from ? `lane + ${first - from}u` : `lane - ${from - first}u`;
      const block = `{ let p = ${p}; ${body(share, operand === "A" ? plan.bm : plan.bn)} }`;
      return conditions.length > 0 ? `if (${conditions.join(" && ")}) ${block}` : block;
    })
    .join("\n    ");

/** Takes the elements of step `at` from memory into registers. */
const tileLoad = ({ plan, form, runs, load }: TileText): string =>
  eachShare(plan, ({ round, operand }, width) => {
    const { across, k } = patchPlace(width, plan.bk, runs[operand]);
    const lines = repeat(form, 4, "i", (i) => {
      const value =
        runs[operand] === "along" ? load(operand, `across + ${i}`, "k") : load(operand, "across", `k + ${i}`);
      return `${item(form, `r${round}`, i)} = ${value};`;
    });
    return `let across = 4u * ${across}; let k = 4u * ${k};\n    ${lines}`;
  });

/** Puts the registers into stage `stage` of workgroup memory, turned where memory runs along k. */
const tileStore = (text: TileText, stage: string): string => {
  const { plan, form, runs } = text;
  return eachShare(plan, ({ round, operand }, width) => {
    const { across, k } = patchPlace(width, plan.bk, runs[operand]);
    const lines = repeat(form, 4, "i", (i) => {
      const register = (j: number): string => item(form, `r${round}`, `${j}u`);
      const turned = `vec4<f32>(${range(4)
        .map((j) => `${register(j)}[${i}]`)
        .join(", ")})`;
      const value = runs[operand] === "along" ? turned : item(form, `r${round}`, i);
      return `${staged(text, operand, stage, `place + ${i} * ${width / 4}u`)} = ${value};`;
    });
    return `let place = ${k} * ${width}u + ${across};\n    ${lines}`;
  });
};

/** Multiplies a stage. */
const tileMultiply = (text: TileText, stage: string): string => {
  const { plan, form } = text;
  const { bm, bn, bk, tm, tn } = plan;
  const unroll = form === "rolled" ? 1 : (plan.unroll ?? bk);
  const [gm, gn] = [tm / 4, tn / 4];
  const reads = (k: string): string =>
    [
      ...range(gm).map((g) => `let a${g} = ${staged(text, "A", stage, `ty + ${k} * ${bm / 4}u + ${(g * bm) / tm}u`)};`),
      ...range(gn).map((h) => `let b${h} = ${staged(text, "B", stage, `tx + ${k} * ${bn / 4}u + ${(h * bn) / tn}u`)};`),
    ].join(" ");
  const sums = range(gm).flatMap((g) =>
    range(gn).map((h) =>
      repeat(form, 4, "i", (i) => {
        const c = item(form, "c", sumAt(form, 4 * g, i, gn, h));
        return `${c} = fma(vec4<f32>(a${g}[${i}]), b${h}, ${c});`;
      }),
    ),
  );
  const one = (k: string): string => `{ ${reads(k)}\n    ${sums.join("\n    ")} }`;
  if (unroll === bk)
    return range(bk)
      .map((k) => one(`${k}u`))
      .join("\n    ");
  return `for (var q = 0u; q < ${bk}u; q += ${unroll}u) {
    ${range(unroll)
      .map((u) => one(u === 0 ? "q" : `(q + ${u}u)`))
      .join("\n    ")}
    }`;
};

/** The number of a sum: row `first + i` of the invocation's, vec4 `h` of `gn`. */
const sumAt = (form: Form, first: number, i: string, gn: number, h: number): string =>
  form === "unrolled" ? `${(first + Number(i.replace("u", ""))) * gn + h}u` : `(${first}u + i) * ${gn}u + ${h}u`;

/**
 * The whole loop over `steps` steps, `steps` the same for all invocations of a workgroup. With two stages, the elements of the next step
 * are on their way while a stage is multiplied; then they go to the other one.
 */
export const tileLoop = (text: TileText, steps: string): string => {
  const registers = range(rounds(text.plan))
    .map((round) => list(text.form, `r${round}`, 4))
    .join("\n  ");
  if (text.plan.stages === 1) {
    const only = text.form === "unrolled" ? "0" : "0u";
    return /* wgsl */ `
  let steps = ${steps};
  for (var at = 0u; at < steps; at++) {
    ${registers}
    ${text.prepare ?? ""}
    ${tileLoad(text)}
    ${tileStore(text, only)}
    workgroupBarrier();
    ${tileMultiply(text, only)}
    workgroupBarrier();
  }`;
  }
  const round = (stage: string, other: string): string => /* wgsl */ `
    if (step + 1u < steps) { let at = step + 1u;
    ${text.prepare ?? ""}
    ${tileLoad(text)}
    }
    ${tileMultiply(text, stage)}
    if (step + 1u < steps) {
    ${tileStore(text, other)}
    }
    workgroupBarrier();`;
  const start = /* wgsl */ `
  let steps = ${steps};
  ${registers}
  if (steps > 0u) { let at = 0u;
    ${text.prepare ?? ""}
    ${tileLoad(text)}
    ${tileStore(text, text.form === "unrolled" ? "0" : "0u")}
  }
  workgroupBarrier();`;
  if (text.form === "rolled")
    return /* wgsl */ `${start}
  var stage = 0u;
  for (var step = 0u; step < steps; step++) {
    ${round("stage", "(1u - stage)")}
    stage = 1u - stage;
  }`;
  return /* wgsl */ `${start}
  for (var step = 0u; step < steps; step++) {
    ${round("0", "1")}
    step++;
    if (step >= steps) { break; }
    ${round("1", "0")}
  }`;
};

/** Calls `write(row, column, value)` for each vec4 of the sums: expressions, counted from the start of the tile. */
export const tileEnd = (
  { plan: { bm, bn, tm, tn }, form }: TileText,
  write: (row: string, column: string, value: string) => string,
): string => {
  const gn = tn / 4;
  return range(tm / 4)
    .flatMap((g) =>
      range(gn).map((h) =>
        repeat(form, 4, "i", (i) => {
          return write(
            `(4u * ty + ${(g * 4 * bm) / tm}u + ${i})`,
            `(4u * tx + ${(h * 4 * bn) / tn}u)`,
            item(form, "c", sumAt(form, 4 * g, i, gn, h)),
          );
        }),
      ),
    )
    .join("\n  ");
};
