import { finishFunction, type AddedText, type WebgpuActivation } from "../../backends/webgpu/epilogue.wgsl.ts";
import { kernel, read, when, write } from "../../backends/webgpu/kernel.ts";
import {
  threadsOf,
  tileDeclarations,
  tileEnd,
  tileLoop,
  tileStart,
  type Form,
  type Runs,
  type TilePlan,
  type TileText,
} from "../../backends/webgpu/tiles.wgsl.ts";
import { variants } from "../../backends/webgpu/variants.ts";
import { walkTo, walkWords } from "../../backends/webgpu/walk.wgsl.ts";
import { plainLoads, testedLoads, type Access } from "./tile-loads.wgsl.ts";

/** What kernels of products differ in. */
interface Choices {
  readonly label: string;
  readonly plan: TilePlan;
  readonly form: Form;
  readonly runsA: Runs;
  readonly runsB: Runs;
  readonly access: Access;
  /** Batch dims. */
  readonly rank: number;
  readonly activation: WebgpuActivation;
  readonly added: AddedText;
  /** Whether the sums before the activation are written, too. */
  readonly pre: boolean;
}

/**
 * C[z] = f(A[z] · B[z] + addend), [m, k] · [k, n] → [m, n] for each batch entry z: see backends/webgpu/tiles.wgsl.ts. A workgroup computes a
 * tile of C over `kPart` of k; with several parts, each goes to a slice of its own and sumPartsStep adds them.
 */
export const multiplyTiles = variants(
  ({ label, plan, form, runsA, runsB, access, rank, activation, added, pre }: Choices) => {
    const adds = added !== "none";
    const runs = { A: runsA, B: runsB };
    const { functions, ...loads } =
      access === "exact" || access === "edges"
        ? plainLoads(plan, runs, access === "edges")
        : testedLoads(plan, form, runs, access);
    const text: TileText = { plan, form, runs, ...loads, one: "min(w.tiles, 1u)" };
    const whole = access !== "scalar";
    const element = whole ? "vec4<f32>" : "f32";
    const store = (row: string, column: string, value: string): string => {
      if (whole) {
        const body = [
          `let at = (outStart + ${row} * w.n + ${column}) / 4u; var v = ${value};`,
          ...(adds ? [`v += addends[${added === "row" ? `(w.addend + ${column}) / 4u` : "w.addend / 4u + at"}];`] : []),
          ...(pre ? ["pres[at] = v;"] : []),
          "outs[at] = finish(v);",
        ].join(" ");
        return access === "exact" ? `{ ${body} }` : `if (${row} < w.m && ${column} < w.n) { ${body} }`;
      }
      return `put(${row}, ${column}, ${value}, outStart);`;
    };
    return kernel(
      {
        name: label,
        workgroup: threadsOf(plan),
        words: {
          tiles: "u32",
          tilesM: "u32",
          tilesN: "u32",
          m: "u32",
          n: "u32",
          k: "u32",
          kPart: "u32",
          parts: "u32",
          addend: "u32",
          rowStride: "u32",
          aKStride: "u32",
          columnStride: "u32",
          bKStride: "u32",
          walk: walkWords(rank, ["a", "b"]),
        },
        bind: {
          aValues: read(element),
          bValues: read(element),
          addends: when(adds, read(element)),
          outs: write(element),
          pres: when(pre, write(element)),
        },
      },
      (k) => /* wgsl */ `
${tileDeclarations(text)}
${finishFunction(activation)}
${functions}
${
  whole
    ? ""
    : `fn put(row: u32, column: u32, sums: vec4<f32>, outStart: u32) {
  var v = sums;
  for (var i = 0u; i < 4u; i++) {
    if (row >= w.m || column + i >= w.n) { continue; }
    let at = outStart + row * w.n + column + i;
    ${adds ? `v[i] += addends[w.addend + ${added === "row" ? "column + i" : "at"}];` : ""}
    ${pre ? "pres[at] = v[i];" : ""}
    outs[at] = finish(v)[i];
  }
}`
}

${k.main} {
  let tile = ${k.group};
  if (tile >= w.tiles) { return; }
  let row0 = tile % w.tilesM * ${plan.bm}u;
  let column0 = tile / w.tilesM % w.tilesN * ${plan.bn}u;
  let matrix = tile / (w.tilesM * w.tilesN);
  let part = matrix % w.parts;
  let entry = matrix / w.parts;
  ${walkTo(rank, ["a", "b"], "entry")}
  let aStart = aAt;
  let bStart = bAt;
  let outStart = matrix * w.m * w.n;
  let kStart = min(part * w.kPart, w.k);
  let kEnd = min(kStart + w.kPart, w.k);
  ${tileStart(text)}
  ${tileLoop(text, `(kEnd - kStart + ${plan.bk - 1}u) / ${plan.bk}u`)}
  ${tileEnd(text, (row, column, value) => store(`(row0 + ${row})`, `(column0 + ${column})`, value))}
}`,
    );
  },
);
