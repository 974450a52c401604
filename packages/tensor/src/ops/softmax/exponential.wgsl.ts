import { across, larger, plus, wordAt, wordType, type Team } from "../reduce/team.wgsl.ts";

/**
 * `expBelow`: e^d for d <= 0, or little above; 0 at −∞. The product d / ln 2 is taken with its rounding error, so that the result is
 * as good as exp2.
 */
const expBelow = (name: string, type: string): string => /* wgsl */ `
fn ${name}(d: ${type}) -> ${type} {
  let c = max(d, ${type}(-200.0));
  let t = c * 1.44269502;
  let lost = fma(c, ${type}(1.44269502), -t) * 0.693147181;
  let y = exp2(t);
  return fma(y, fma(c, ${type}(1.33497e-8), lost), y);
}`;

/** `expBelow` of a word, `expBelowOne` of a number; `hasNan` by the bits, since a compiler may assume that there are none. */
export const exponentialText = (wide: boolean): string => {
  const bits = wide ? "vec4<u32>" : "u32";
  const nan = `(bitcast<${bits}>(x) & ${bits}(0x7fffffffu)) > ${bits}(0x7f800000u)`;
  return /* wgsl */ `
${expBelow("expBelow", wordType(wide))}
${expBelow("expBelowOne", "f32")}
fn hasNan(x: ${wordType(wide)}) -> bool { return ${wide ? `any(${nan})` : nan}; }`;
};

/** The largest element of a word, and the sum of a word's. */
export const maxOf = (wide: boolean, word: string): string => across(wide, word, larger);
export const sumOf = (wide: boolean, word: string): string => across(wide, word, plus);

/**
 * In one pass over the invocation's words from `begin` to `end`: m, the largest element, +∞ if there is a NaN, and s = Σ e^(x − m);
 * whenever m grows, s shrinks by as much. `low` is −∞. `also` sees each word.
 */
export const onlineText = (team: Team, load: (at: string) => string, also: (word: string) => string): string => {
  const { wide, lanes } = team;
  const type = wordType(wide);
  const words = ["v0", "v1", "v2", "v3"];
  const k = (j: number): string => `k + ${j * lanes}u`;
  const read = (j: number): string => /* wgsl */ `
    var v${j} = ${type}(low);
    if (${k(j)} < end) { v${j} = ${load(wordAt(team, k(j)))}; ${also(`v${j}`)} }`;
  return /* wgsl */ `
  var m = low;
  var s = 0.0;
  var broken = false;
  for (var k = begin + member; k < end; k += ${4 * lanes}u) {
    ${words.map((_, j) => read(j)).join("")}
    broken = broken || hasNan(v0) || hasNan(v1) || hasNan(v2) || hasNan(v3);
    let most4 = ${larger(larger("v0", "v1"), larger("v2", "v3"))};
    let next = max(m, ${maxOf(wide, "most4")});
    let origin = select(next, 0.0, next == low);
    if (next > m) { s *= expBelowOne(m - origin); m = next; }
    let terms = ${plus(plus("expBelow(v0 - origin)", "expBelow(v1 - origin)"), plus("expBelow(v2 - origin)", "expBelow(v3 - origin)"))};
    s += ${sumOf(wide, "terms")};
  }
  if (broken) { m = infinity(); }`;
};
