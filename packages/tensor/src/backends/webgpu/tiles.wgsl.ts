import type { DeviceProfile } from "../../device-profile.ts";

/**
 * The heart of every matrix product on a GPU, dense or block-sparse: a workgroup computes a tile C[bm, bn] = Σ_k A[bm, k] B[k, bn].
 *
 * Steps of bk go through workgroup memory, k-major: tileA[k][m], tileB[k][n], as vec4s along m and n. An invocation keeps tm × tn sums
 * in registers, as tm/4 × tn/4 squares of 4 × 4 that lie bm·4/tm and bn·4/tn apart, so that neighbours read neighbouring vec4s. While
 * it multiplies one step, it has the next one's elements on their way from memory to registers. Elements move in patches of 4 × 4:
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
}

/** Which way an operand's memory runs: along k, or across (along m of A, n of B). */
export type Runs = "along" | "across";

export const threadsOf = ({ bm, bn, tm, tn }: TilePlan): number => (bm / tm) * (bn / tn);

/**
 * vec4s between four rows of a tile in workgroup memory and the next four. Where memory runs along k, eight neighbours load what lies side by
 * side, patches at min(8, bk / 4) places of k, and then store them together: shifted so far, all of these lie in different banks.
 */
const gapOf = (bk: number, runs: Runs): number => (runs === "along" ? Math.ceil(8 / Math.min(8, bk / 4)) : 0);

/** vec4s of workgroup memory that an operand takes, `width` wide. */
const vectorsOf = (width: number, bk: number, runs: Runs): number => (bk * width) / 4 + (bk / 4 - 1) * gapOf(bk, runs);

/** Where vec4 `offset` of row k of a tile lies: in the unrolled form a constant, and written as one. Added in pieces it was a tenth slower. */
const rowAt = (k: string, offset: number, width: number, bk: number, runs: Runs): string => {
  const gap = gapOf(bk, runs);
  return `(${k} * ${width / 4}u + ${offset}u${gap === 0 ? "" : ` + ${k} / 4u * ${gap}u`})`;
};

/** The operands that take most workgroup memory. */
const LARGEST: TileText["runs"] = { A: "along", B: "along" };

/** Bytes of workgroup memory. */
export const tileBytes = ({ bm, bn, bk }: TilePlan, runs = LARGEST): number =>
  16 * (vectorsOf(bm, bk, runs.A) + vectorsOf(bn, bk, runs.B));

/** Whether the device can run the plan: for any operands, or for some. */
export const fitsDevice = (plan: TilePlan, { limits }: Pick<DeviceProfile, "limits">, runs = LARGEST): boolean =>
  threadsOf(plan) <= Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX) &&
  tileBytes(plan, runs) <= limits.maxComputeWorkgroupStorageSize;

export type Form = "unrolled" | "rolled";

/** The form that this device's compiler is good at. */
export const formFor = ({ software }: Pick<DeviceProfile, "software">): Form => (software ? "rolled" : "unrolled");

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
 * A product. An operand's elements are read as four vec4s of a patch, numbers `i` = 0 … 3: one row of the tile after the other where memory
 * runs along k, else one k after the other.
 */
export interface TileText {
  readonly plan: TilePlan;
  readonly form: Form;
  readonly runs: { readonly A: Runs; readonly B: Runs };
  /**
   * Statements, once ahead of all steps: what an invocation's loads of one patch have in common, in variables that begin with `name`.
   * `across` and `k` are expressions for the patch's place in the tile of step 0.
   */
  readonly lane: (operand: "A" | "B", across: string, k: string, name: string) => string;
  /** An expression for vec4 `i` of the patch that `lane` gave that name to, at step `at`. */
  readonly load: (operand: "A" | "B", name: string, i: string) => string;
  /**
   * An expression of step `at` that is the same for all invocations and takes a load of its own. It is taken a step early; `load` finds it
   * in a variable `begin`.
   */
  readonly begin?: string;
  /** An expression that is always 1u, but not for the compiler: see tileEnd. */
  readonly one: string;
}

/** Declares where each vec4 of a patch lies, by an expression for number i: for `lane`, where they do not lie at equal distances. */
export const placeVectors = (name: string, place: (i: number) => string): string =>
  range(4)
    .map((i) => `let ${name}_${i} = ${place(i)};`)
    .join(" ");

/** What placeVectors declared for vec4 `i`, in either form. */
export const vectorPlace = (name: string, i: string): string =>
  /^\d/.test(i) ? `${name}_${Number.parseInt(i)}` : `vec4<u32>(${name}_0, ${name}_1, ${name}_2, ${name}_3)[${i}]`;

/** Declarations outside of main: a step of each operand. */
export const tileDeclarations = ({ plan: { bm, bn, bk }, runs }: TileText): string =>
  `var<workgroup> tileA: array<vec4<f32>, ${vectorsOf(bm, bk, runs.A)}>;
var<workgroup> tileB: array<vec4<f32>, ${vectorsOf(bn, bk, runs.B)}>;`;

/** The sums, and the place of this invocation (`lane` is its number) in the tile. */
export const tileStart = ({ plan, form }: TileText): string => {
  const { bn, tm, tn } = plan;
  const columns = bn / tn;
  // 32 neighbours take a patch of 8 × 4 invocations, and eight of them one of 4 × 2: they read few different vec4s of either tile.
  const place =
    columns % 8 === 0 && (plan.bm / plan.tm) % 4 === 0
      ? `let tx = (lane / 2u) % 8u + 8u * ((lane / 32u) % ${columns / 8}u);
  let ty = lane % 2u + 2u * ((lane / 16u) % 2u) + 4u * (lane / ${4 * columns}u);`
      : `let tx = lane % ${columns}u;
  let ty = lane / ${columns}u;`;
  return `${place}
  ${list(form, "c", (tm * tn) / 4)}`;
};

/** Where patch `p` of an operand begins in the tile, in patches: neighbours take what lies side by side in memory. */
const patchPlace = (width: number, bk: number, runs: Runs, p: string): { across: string; k: string } => {
  const inRow = runs === "along" ? bk / 4 : width / 4;
  const [along, other] = [`(${p} % ${inRow}u)`, `(${p} / ${inRow}u)`];
  return runs === "along" ? { across: other, k: along } : { across: along, k: other };
};

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

/** A patch's number, of its operand's: without a subtraction where one can be spared, so that it is seen to be in range. */
const patchOf = ({ from, to, first }: Share): string =>
  from > 0 && from % (to - from) === 0
    ? `(lane % ${to - from}u + ${first}u)`
    : first >= from
      ? `(lane + ${first - from}u)`
      : `(lane - ${from - first}u)`;

/** For each share: `body`, where it is this lane's. */
const eachShare = (plan: TilePlan, body: (share: Share) => string): string =>
  sharesOf(plan)
    .map((share) => {
      const { from, to } = share;
      const conditions = [
        ...(from > 0 ? [`lane >= ${from}u`] : []),
        ...(to < threadsOf(plan) ? [`lane < ${to}u`] : []),
      ];
      const block = `{ ${body(share)} }`;
      return conditions.length > 0 ? `if (${conditions.join(" && ")}) ${block}` : block;
    })
    .join("\n    ");

/** Where patch `p` of a share begins in the tile, in elements. */
const placeOf = ({ plan, runs }: TileText, share: Share, p: string): { across: string; k: string } => {
  const { across, k } = patchPlace(share.operand === "A" ? plan.bm : plan.bn, plan.bk, runs[share.operand], p);
  return { across: `(4u * ${across})`, k: `(4u * ${k})` };
};

/** What the loads of all steps have in common. A lane that has no part in a share may compute nonsense, and loads nothing. */
const tileLanes = (text: TileText): string =>
  sharesOf(text.plan)
    .map((share) => {
      const name = `lane${share.operand}${share.round}`;
      const { across, k } = placeOf(text, share, `${name}Patch`);
      return `let ${name}Patch = ${patchOf(share)};\n  ${text.lane(share.operand, across, k, name)}`;
    })
    .join("\n  ");

/** Takes the elements of step `at` from memory into registers. */
const tileLoad = ({ plan, form, load }: TileText): string =>
  eachShare(plan, ({ round, operand }) =>
    repeat(form, 4, "i", (i) => `${item(form, `r${round}`, i)} = ${load(operand, `lane${operand}${round}`, i)};`),
  );

/** Puts the registers into workgroup memory, turned where memory runs along k. */
const tileStore = (text: TileText): string => {
  const { plan, form, runs } = text;
  return eachShare(plan, (share) => {
    const { round, operand } = share;
    const width = operand === "A" ? plan.bm : plan.bn;
    const { across, k } = placeOf(text, share, "p");
    const place = `(${k} * ${width + gapOf(plan.bk, runs[operand])}u + ${across}) / 4u`;
    const lines = repeat(form, 4, "i", (i) => {
      const register = (j: number): string => item(form, `r${round}`, `${j}u`);
      const turned = `vec4<f32>(${range(4)
        .map((j) => `${register(j)}[${i}]`)
        .join(", ")})`;
      const value = runs[operand] === "along" ? turned : item(form, `r${round}`, i);
      return `tile${operand}[place + ${i} * ${width / 4}u] = ${value};`;
    });
    return `let p = ${patchOf(share)}; let place = ${place};\n    ${lines}`;
  });
};

/** Multiplies a step. */
const tileMultiply = ({ plan, form, runs }: TileText): string => {
  const { bm, bn, bk, tm, tn } = plan;
  const [gm, gn] = [tm / 4, tn / 4];
  const reads = (k: string): string =>
    [
      ...range(gm).map((g) => `let a${g} = tileA[ty + ${rowAt(k, (g * bm) / tm, bm, bk, runs.A)}];`),
      ...range(gn).map((h) => `let b${h} = tileB[tx + ${rowAt(k, (h * bn) / tn, bn, bk, runs.B)}];`),
    ].join(" ");
  const sums = range(gm).flatMap((g) =>
    range(gn).map((h) =>
      repeat(form, 4, "i", (i) => {
        const c = item(form, "c", sumAt(form, 4 * g, i, gn, h));
        return `${c} = fma(vec4<f32>(a${g}[${i}]), b${h}, ${c});`;
      }),
    ),
  );
  return repeat(form, bk, "q", (k) => `{ ${reads(k)}\n    ${sums.join("\n    ")} }`);
};

/** The number of a sum: row `first + i` of the invocation's, vec4 `h` of `gn`. */
const sumAt = (form: Form, first: number, i: string, gn: number, h: number): string =>
  form === "unrolled" ? `${(first + Number(i.replace("u", ""))) * gn + h}u` : `(${first}u + i) * ${gn}u + ${h}u`;

/**
 * The whole loop over `steps` steps, `steps` the same for all invocations of a workgroup. A step's elements are in workgroup memory while
 * it is multiplied, and the next one's on their way to registers. One stage of workgroup memory, two barriers: on an NVIDIA H100 that was
 * faster than two stages and one barrier, which leave room for fewer workgroups. The last step is loaded twice, which costs less than
 * a branch.
 */
export const tileLoop = (text: TileText, steps: string): string => {
  const { plan, form, begin } = text;
  const registers = range(rounds(plan))
    .map((round) => list(form, `r${round}`, 4))
    .join("\n  ");
  // What begins step s is asked for when step s − 1 is loaded.
  const load = (step: string): string =>
    `{ let at = ${step};
    ${tileLoad(text)} }${begin === undefined ? "" : `\n    { let at = ${step} + 1u; begin = ${begin}; }`}`;
  return /* wgsl */ `
  let steps = ${steps};
  ${tileLanes(text)}
  ${begin === undefined ? "" : `let at = 0u; var begin = ${begin};`}
  ${registers}
  if (steps > 0u) {
    ${load("0u")}
    ${tileStore(text)}
  }
  workgroupBarrier();
  for (var step = 0u; step < steps; step++) {
    ${load("min(step + 1u, steps - 1u)")}
    ${tileMultiply(text)}
    workgroupBarrier();
    ${tileStore(text)}
    workgroupBarrier();
  }`;
};

/**
 * Calls `write(row, column, value)` for each vec4 of the sums: expressions, counted from the start of the tile.
 *
 * The sums are multiplied by 1 first. Four sums that are stored together must lie in neighbouring registers. A compiler that lets them lie
 * there throughout the loop finds no good order of multiply-adds, and moves each of them at the end of every step (NVIDIA's driver 580:
 * 128 moves for 1,024 multiply-adds, a tenth of the time).
 */
export const tileEnd = (
  { plan: { bm, bn, tm, tn }, form, one }: TileText,
  write: (row: string, column: string, value: string) => string,
): string => {
  const gn = tn / 4;
  const values = range(tm / 4)
    .flatMap((g) =>
      range(gn).map((h) =>
        repeat(form, 4, "i", (i) => {
          return write(
            `(4u * ty + ${(g * 4 * bm) / tm}u + ${i})`,
            `(4u * tx + ${(h * 4 * bn) / tn}u)`,
            `(${item(form, "c", sumAt(form, 4 * g, i, gn, h))} * one)`,
          );
        }),
      ),
    )
    .join("\n  ");
  return `let one = f32(${one});\n  ${values}`;
};
