/** Invocations of a workgroup, in every kernel here. */
export const WORKGROUP = 256;

/** The invocations that share a line, how the line lies in their registers, and how it is read. */
export interface Team {
  /** A power of two up to 256. */
  readonly lanes: number;
  /** Whether a word of the line is a vec4. */
  readonly wide: boolean;
  /** Whether each invocation can hold its words in `SLOTS` registers, so that memory is read once. */
  readonly held: boolean;
  /** Whether the line is a column, so that neighbours take neighbouring lines. */
  readonly strided: boolean;
}

const SLOTS = { wide: 4, narrow: 8 } as const;
const TEAMS = [4, 16, 64, WORKGROUP] as const;

/** The team for lines of `n` elements. `starts`: all places where lines start must be whole vec4s for `wide`. */
export const teamOf = (n: number, ...starts: readonly number[]): Team => {
  const wide = n % 4 === 0 && starts.every((start) => start % 4 === 0);
  const max = wide ? 4 * SLOTS.wide : SLOTS.narrow;
  const lanes = TEAMS.find((size) => n <= size * max);
  return { lanes: lanes ?? WORKGROUP, wide, held: lanes !== undefined, strided: false };
};

/** The team for `lines` columns of `n` elements: an invocation walks down alone when there is enough to do for all. */
export const columnTeam = (n: number, lines: number): Team => ({
  lanes: n < 32 || lines >= 65536 ? 1 : 8,
  wide: false,
  held: false,
  strided: true,
});

/** Which line a team works on and which of its words an invocation takes, of `w.lines` lines of `w.n` words in `[outer, n, w.inner]`. */
export const lineText = ({ lanes, strided }: Team): string => {
  const teams = WORKGROUP / lanes;
  return /* wgsl */ `
  let line = (group.x + group.y * groups.x) * ${teams}u + ${strided ? `lane % ${teams}u` : `lane / ${lanes}u`};
  let member = ${strided ? `lane / ${teams}u` : `lane % ${lanes}u`};
  let count = select(0u, w.n, line < w.lines);
  let base = select(0u, ${strided ? "(line / w.inner) * w.n * w.inner + line % w.inner" : "line * w.n"}, line < w.lines);`;
};

/** Where word k of the line lies. */
export const wordAt = ({ strided }: Team, k: string): string => (strided ? `base + (${k}) * w.inner` : `base + ${k}`);

/** Workgroups for `lines` teams. */
export const groupsFor = ({ lanes }: Team, lines: number): number => Math.ceil((lines * lanes) / WORKGROUP);

export const slotsOf = ({ wide }: Pick<Team, "wide">): number => (wide ? SLOTS.wide : SLOTS.narrow);

/** The type of a float32 line's words. */
export const wordType = (wide: boolean): string => (wide ? "vec4<f32>" : "f32");

/** One number out of a word of a line. */
export const across = (wide: boolean, value: string, join: (a: string, b: string) => string): string =>
  wide ? join(join(`${value}.x`, `${value}.y`), join(`${value}.z`, `${value}.w`)) : value;

/** Text for each register of a line. */
export const eachSlot = (team: Team, text: (slot: number) => string): string =>
  Array.from({ length: slotsOf(team) }, (_, slot) => text(slot)).join("\n  ");

/**
 * `body` for each word k of the line that is the invocation's: unrolled when held, so that it can name registers by the slot, a loop
 * otherwise. `member` and `count` are in scope.
 */
export const eachWord = (team: Team, body: (slot: number) => string): string =>
  team.held
    ? eachSlot(team, (slot) => `{ let k = member + ${slot * team.lanes}u; if (k < count) { ${body(slot)} } }`)
    : `for (var k = member; k < count; k += ${team.lanes}u) { ${body(0)} }`;

/**
 * A function that joins one value of each of a team's `lanes` invocations, in a fixed order, and gives all of them the result. Teams
 * are neighbours, or those with the same number modulo 256 / lanes when `strided`. All invocations of a workgroup must call it.
 */
export const teamJoin = (
  name: string,
  type: string,
  lanes: number,
  join: (a: string, b: string) => string,
  strided = false,
): string => {
  if (lanes === 1) return `fn ${name}(value: ${type}, lane: u32) -> ${type} { return value; }`;
  const teams = WORKGROUP / lanes;
  const step = strided ? teams : 1;
  const team = strided ? `lane % ${teams}u` : `lane / ${lanes}u`;
  const member = strided ? `lane / ${teams}u` : `lane % ${lanes}u`;
  const first = strided ? "team" : `team * ${lanes}u`;
  const rest = (count: number, cell: (i: number) => string): string =>
    Array.from({ length: count - 1 }, (_, i) => `total = ${join("total", cell(i + 1))};`).join(" ");
  const cells = `var<workgroup> ${name}Cells: array<${type}, ${WORKGROUP}>;`;
  if (lanes <= 16)
    return /* wgsl */ `
${cells}
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${name}Cells[lane] = value;
  workgroupBarrier();
  let team = ${team};
  let first = ${first};
  var total = ${name}Cells[first];
  ${rest(lanes, (i) => `${name}Cells[first + ${i * step}u]`)}
  workgroupBarrier();
  return total;
}`;
  // Two rounds, each about the square root of the team: fewer barriers than halving takes.
  const tops = 2 ** Math.ceil(Math.log2(lanes) / 2);
  return /* wgsl */ `
${cells}
var<workgroup> ${name}Tops: array<${type}, ${teams * tops}>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${name}Cells[lane] = value;
  workgroupBarrier();
  let team = ${team};
  let member = ${member};
  if (member < ${tops}u) {
    let first = ${first} + member * ${step}u;
    var total = ${name}Cells[first];
    ${rest(lanes / tops, (i) => `${name}Cells[first + ${i * tops * step}u]`)}
    ${name}Tops[team * ${tops}u + member] = total;
  }
  workgroupBarrier();
  var total = ${name}Tops[team * ${tops}u];
  ${rest(tops, (i) => `${name}Tops[team * ${tops}u + ${i}u]`)}
  return total;
}`;
};

export const plus = (a: string, b: string): string => `(${a} + ${b})`;
export const larger = (a: string, b: string): string => `max(${a}, ${b})`;
