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
  readonly name: string;
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  readonly tm: number;
  readonly tn: number;
}

/** Which way an operand's memory runs: along k, or across (along m of A, n of B). */
export type Runs = "along" | "across";

export const threadsOf = ({ bm, bn, tm, tn }: TilePlan): number => (bm / tm) * (bn / tn);

/** Bytes of workgroup memory. */
export const tileBytes = ({ bm, bn, bk }: TilePlan): number => 2 * bk * (bm + bn) * 4;

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
 * and `k` are expressions, k counted from the start of step `step`. It runs along k or across, as `runs` says.
 */
export interface TileText {
  readonly plan: TilePlan;
  readonly form: Form;
  readonly runs: { readonly A: Runs; readonly B: Runs };
  readonly load: (operand: "A" | "B", across: string, k: string) => string;
}

/** Declarations outside of main. */
export const tileDeclarations = ({ bm, bn, bk }: TilePlan): string => /* wgsl */ `
var<workgroup> tileA: array<vec4<f32>, ${(2 * bk * bm) / 4}>;
var<workgroup> tileB: array<vec4<f32>, ${(2 * bk * bn) / 4}>;`;

/** The sums, and the place of this invocation (`lane` is its number) in the tile. */
export const tileStart = ({ plan, form }: TileText): string => {
  const { bn, tm, tn } = plan;
  const columns = bn / tn;
  // 32 neighbours take a patch of 8 × 4 invocations: they read few different vec4s of either tile.
  const place =
    columns % 8 === 0 && (plan.bm / plan.tm) % 4 === 0
      ? `let tx = lane % 8u + 8u * ((lane / 32u) % ${columns / 8}u);
  let ty = (lane / 8u) % 4u + 4u * (lane / ${4 * columns}u);`
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

/** Takes the elements of step `step` from memory into registers. */
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
const tileStore = ({ plan, form, runs }: TileText): string =>
  eachShare(plan, ({ round, operand }, width) => {
    const { across, k } = patchPlace(width, plan.bk, runs[operand]);
    const lines = repeat(form, 4, "i", (i) => {
      const register = (j: number): string => item(form, `r${round}`, `${j}u`);
      const turned = `vec4<f32>(${range(4)
        .map((j) => `${register(j)}[${i}]`)
        .join(", ")})`;
      const value = runs[operand] === "along" ? turned : item(form, `r${round}`, i);
      return `tile${operand}[at + ${i} * ${width / 4}u] = ${value};`;
    });
    return `let at = stage * ${(plan.bk * width) / 4}u + ${k} * ${width}u + ${across};\n    ${lines}`;
  });

/** Multiplies the stage that was stored before this one. */
const tileMultiply = ({ plan, form }: TileText): string => {
  const { bm, bn, bk, tm, tn } = plan;
  const [gm, gn] = [tm / 4, tn / 4];
  const reads = [
    ...range(gm).map((g) => `let a${g} = tileA[atA + ${(g * bm) / tm}u];`),
    ...range(gn).map((h) => `let b${h} = tileB[atB + ${(h * bn) / tn}u];`),
  ];
  const sums = range(gm).flatMap((g) =>
    range(gn).map((h) =>
      repeat(form, 4, "i", (i) => {
        const at =
          form === "unrolled"
            ? `${(4 * g + Number(i.replace("u", ""))) * gn + h}u`
            : `(${4 * g}u + i) * ${gn}u + ${h}u`;
        const c = item(form, "c", at);
        return `${c} = fma(vec4<f32>(a${g}[${i}]), b${h}, ${c});`;
      }),
    ),
  );
  return `var atA = (1u - stage) * ${(bk * bm) / 4}u + ty;
    var atB = (1u - stage) * ${(bk * bn) / 4}u + tx;
    for (var q = 0u; q < ${bk}u; q++) {
    ${reads.join(" ")}
    ${sums.join("\n    ")}
    atA += ${bm / 4}u; atB += ${bn / 4}u;
    }`;
};

/**
 * The whole loop over `steps` steps, `steps` the same for all invocations of a workgroup. Each round takes a step from memory, multiplies
 * the one before it, and puts the new one into the other stage.
 */
export const tileLoop = (text: TileText, steps: string): string => /* wgsl */ `
  let steps = ${steps};
  ${range(rounds(text.plan))
    .map((round) => list(text.form, `r${round}`, 4))
    .join("\n  ")}
  var stage = 0u;
  for (var step = 0u; step <= steps; step++) {
    if (step < steps) {
    ${tileLoad(text)}
    }
    if (step > 0u) {
    ${tileMultiply(text)}
    }
    if (step < steps) {
    ${tileStore(text)}
    }
    workgroupBarrier();
    stage = 1u - stage;
  }`;

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
          const at =
            form === "unrolled"
              ? `${(4 * g + Number(i.replace("u", ""))) * gn + h}u`
              : `(${4 * g}u + i) * ${gn}u + ${h}u`;
          return write(
            `(4u * ty + ${(g * 4 * bm) / tm}u + ${i})`,
            `(4u * tx + ${(h * 4 * bn) / tn}u)`,
            item(form, "c", at),
          );
        }),
      ),
    )
    .join("\n  ");
};
