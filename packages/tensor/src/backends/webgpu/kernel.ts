import { ArgumentError } from "../../error.ts";
import type { FaultReport, Shader, Slot, WebgpuStep, WebgpuWord } from "../../op.ts";
import type { ScalarRef } from "../../slots.ts";

/** The lower or upper 32 bits of a scalar that is a whole number up to 2⁵³. */
export type ScalarHalf = { readonly low: string } | { readonly high: string };

/** The lower 32 bits of the launch's scalar of that name, which is a whole number. */
export const low = (name: string): ScalarHalf => ({ low: name });
/** The 32 bits above them. */
export const high = (name: string): ScalarHalf => ({ high: name });

/** A whole number, or a float32, in a kernel's `Words`. */
export type WordType = "u32" | "i32" | "f32";

/** Words that belong together, such as a walk's sizes and strides: a call gives one value, and the group turns it into words. */
export interface WordGroup<Value> {
  /** The members of `Words`, in order; `name` is the group's. `vectors`: an array of that many `vec4<u32>`. */
  members(name: string): readonly (readonly [name: string, type: WordType | { readonly vectors: number }])[];
  words(value: Value): readonly WebgpuWord[];
}

/** A storage buffer of a kernel. */
export interface Binding {
  readonly access: "read" | "read_write";
  /** Its type in WGSL. */
  readonly type: string;
}

/** Buffers that belong together, whose number a variant chooses: a call gives one value, of which the group makes their slots. */
export interface BindingGroup<Value> {
  /** In order; `name` is the group's. */
  bindings(name: string): readonly (readonly [name: string, binding: Binding])[];
  slots(value: Value): readonly Slot[];
}

/** A buffer of elements that is only read. */
export const read = (element: string): Binding => ({ access: "read", type: `array<${element}>` });
/** A buffer of elements that is written, or both read and written; `write("atomic<u32>")` for atomics. */
export const write = (element: string): Binding => ({ access: "read_write", type: `array<${element}>` });
/** A buffer that holds one struct, which the body declares. */
export const readStruct = (struct: string): Binding => ({ access: "read", type: struct });
export const writeStruct = (struct: string): Binding => ({ access: "read_write", type: struct });

/** A word or binding that only some variants have. A call names it all the same: with `null` where it is absent. */
export const when = <const Declared>(present: boolean, declared: Declared): Declared | null =>
  present ? declared : null;

type Words = { readonly [name: string]: WordType | WordGroup<never> | null };
type Bindings = { readonly [name: string]: Binding | BindingGroup<never> | null };

type WordValue<T> = T extends "f32"
  ? number | ScalarRef
  : T extends WordType
    ? number | ScalarHalf
    : T extends WordGroup<infer Value>
      ? Value
      : null;
type BindingValue<T> = T extends Binding ? Slot : T extends BindingGroup<infer Value> ? Value : null;

/** What a call of a kernel names: a value for each word, a slot for each binding. */
export type KernelArguments<W extends Words, B extends Bindings> = { readonly [N in keyof W]: WordValue<W[N]> } & {
  readonly [N in keyof B]: BindingValue<B[N]>;
};

/** How a kernel is dispatched; `fault`: what to say of a value that it reports. */
export type Dispatch<Faults extends boolean> = { readonly workgroups: number } & (Faults extends true
  ? { readonly fault: FaultReport }
  : unknown);

/** Makes the step of a plan that dispatches a kernel. */
export type Kernel<W extends Words, B extends Bindings, Faults extends boolean> = (
  args: KernelArguments<W, B>,
  dispatch: Dispatch<Faults>,
) => WebgpuStep;

/** What a kernel is declared with. */
export interface KernelDeclaration<W extends Words, B extends Bindings, Faults extends boolean> {
  /** The op that it belongs to, for errors and profiles. */
  readonly name: string;
  /** Invocations of a workgroup. */
  readonly workgroup: number;
  /** Members of the uniform `w`, in order. */
  readonly words: W;
  /** Storage buffers, in order. */
  readonly bind: B;
  /** Whether it calls `report(value: i32)` for an index that it cannot use, and does not use it. The call then says what to tell. */
  readonly faults?: Faults;
}

/** Pieces of a kernel's text. */
export interface KernelText {
  /** The head of `main`, without its braces. In scope there: `group`, `groups` (vec3<u32>) and `lane`, the invocation's number. */
  readonly main: string;
  /** The number of the workgroup: a dispatch may be spread over x and y, and a few surplus workgroups may run. */
  readonly group: string;
  /** The number of the invocation in the whole dispatch. */
  readonly invocation: string;
}

const BUILTINS = [
  ["group", "@builtin(workgroup_id) group: vec3<u32>"],
  ["groups", "@builtin(num_workgroups) groups: vec3<u32>"],
  ["lane", "@builtin(local_invocation_index) lane: u32"],
] as const;

/** Stands for the head of `main` until the whole text is known. */
const MAIN = "@compute fn main()";
const GROUP = "group.x + group.y * groups.x";

/** Writes an index that a kernel cannot use to the dispatch's slot; see backends/webgpu/faults.ts. */
const REPORT = /* wgsl */ `
fn report(value: i32) {
  atomicStore(&fault[2u * w.fault + 1u], bitcast<u32>(value));
  atomicStore(&fault[2u * w.fault], 1u);
}`;

const wordsOf = (name: string, declared: WordType | WordGroup<never>) =>
  typeof declared === "string" ? [[name, declared] as const] : declared.members(name);
const bindingsOf = (name: string, declared: Binding | BindingGroup<never>) =>
  "access" in declared ? [[name, declared] as const] : declared.bindings(name);

const present = <T>(declared: { readonly [name: string]: T | null }): [string, T][] =>
  Object.entries(declared).filter((entry): entry is [string, T] => entry[1] !== null);

const shaderOf = (
  declaration: KernelDeclaration<Words, Bindings, boolean>,
  body: (text: KernelText) => string,
): Shader => {
  const { name, workgroup, words, bind, faults = false } = declaration;
  const members = present(words)
    .flatMap(([word, declared]) => wordsOf(word, declared))
    .map(([member, type]) => `${member}: ${typeof type === "string" ? type : `array<vec4<u32>, ${type.vectors}>`}`);
  if (faults) members.push("fault: u32");
  const buffers = present(bind).flatMap(([buffer, declared]) => bindingsOf(buffer, declared));
  if (faults) buffers.push(["fault", write("atomic<u32>")]);
  const text = body({ main: MAIN, group: GROUP, invocation: `(${GROUP}) * ${workgroup}u + lane` });
  const [before, main, ...more] = text.split(MAIN);
  if (before === undefined || main === undefined || more.length > 0)
    throw new ArgumentError(`${name}: a kernel's text has one main; write \${k.main} before its braces`);
  const code = main.replace(/\/\/.*$/gm, "");
  const builtins = BUILTINS.filter(([local]) => new RegExp(`(?<![\\w.])${local}\\b`).test(code));
  const declarations = [
    ...(members.length > 0
      ? [`struct Words { ${members.join(", ")} }`, "@group(0) @binding(0) var<uniform> w: Words;"]
      : []),
    ...buffers.map(
      ([buffer, { access, type }], i) => `@group(0) @binding(${i + 1}) var<storage, ${access}> ${buffer}: ${type};`,
    ),
  ];
  const head = `@compute @workgroup_size(${workgroup})\nfn main(${builtins.map(([, parameter]) => parameter).join(", ")})`;
  return { label: name, wgsl: `${declarations.join("\n")}${faults ? REPORT : ""}\n${before}${head}${main}` };
};

/**
 * A kernel with one signature: `words` and `bind` are declared once, and the struct, the bindings and `main`'s head are written from
 * them. The body is the rest of the WGSL: helpers, then `${k.main} { … }`, in which words are members of `w` and buffers go by their names.
 *
 * Calling it makes a step of a plan. The arguments go by the same names, and are checked against the declaration: a word takes a number, an
 * f32 also a scalar of the launch, a binding takes a slot. `variants` makes kernels that differ in choices, `when` what only some of
 * them have.
 *
 * @throws ArgumentError when a plan gives a variant something that it does not have, or lacks something.
 * @example
 * const scale = kernel(
 *   { name: "scale", workgroup: 64, words: { count: "u32", factor: "f32" }, bind: { x: read("f32"), y: write("f32") } },
 *   (k) => `
 * ${k.main} {
 *   let i = ${k.invocation};
 *   if (i < w.count) { y[i] = w.factor * x[i]; }
 * }`,
 * );
 * const step = scale({ x: input(0), y: output(0), count: 100, factor: scalar("by") }, { workgroups: 2 });
 */
export const kernel = <const W extends Words, const B extends Bindings, Faults extends boolean = false>(
  declaration: KernelDeclaration<W, B, Faults>,
  body: (text: KernelText) => string,
): Kernel<W, B, Faults> => {
  const { name, words, bind } = declaration;
  let shader: Shader | null = null;
  return (args, dispatch) => {
    const given = args as { readonly [name: string]: unknown };
    for (const argument in given)
      if (!Object.hasOwn(words, argument) && !Object.hasOwn(bind, argument))
        throw new ArgumentError(
          `${name}: expected ${[...Object.keys(words), ...Object.keys(bind)].join(", ")}, got also ${argument}; leave it out`,
        );
    /** What the call gives for something that this variant has. */
    const take = (argument: string, declared: unknown): unknown => {
      const value = given[argument] ?? null;
      if ((declared === null) === (value === null)) return value;
      throw new ArgumentError(
        declared === null
          ? `${name}: expected null for ${argument}, which this variant does not have, got ${JSON.stringify(value)}; choose another one`
          : `${name}: expected a value for ${argument}, got none; choose a variant without it`,
      );
    };
    const list: WebgpuWord[] = [];
    for (const [word, declared] of Object.entries<Words[string]>(words)) {
      const value = take(word, declared);
      if (declared === null) continue;
      if (typeof declared === "string")
        list.push(declared === "f32" && typeof value === "number" ? { f32: value } : (value as WebgpuWord));
      else addGroup(name, list, word, declared, value);
    }
    const slots: Slot[] = [];
    for (const [buffer, declared] of Object.entries<Bindings[string]>(bind)) {
      const value = take(buffer, declared);
      if (declared === null) continue;
      if ("access" in declared) slots.push(value as Slot);
      else addBuffers(name, slots, buffer, declared, value);
    }
    shader ??= shaderOf(declaration, body);
    return { shader, bind: slots, ...(list.length > 0 ? { words: list } : {}), ...dispatch };
  };
};

/** Adds a group's slots. */
const addBuffers = (
  kernelName: string,
  list: Slot[],
  name: string,
  group: BindingGroup<never>,
  value: unknown,
): void => {
  const slots = group.slots(value as never);
  const count = group.bindings(name).length;
  if (slots.length !== count)
    throw new ArgumentError(
      `${kernelName}: expected ${count} slots for ${name}, got ${slots.length}; choose the variant that fits`,
    );
  list.push(...slots);
};

/** Adds a group's words where its members lie: vectors begin at a multiple of four words. */
const addGroup = (
  kernelName: string,
  list: WebgpuWord[],
  name: string,
  group: WordGroup<never>,
  value: unknown,
): void => {
  const words = group.words(value as never);
  let count = 0;
  for (const [, type] of group.members(name)) {
    if (typeof type === "string") count++;
    else {
      count += 4 * type.vectors;
      while (list.length % 4 !== 0) list.push(0);
    }
  }
  if (words.length !== count)
    throw new ArgumentError(
      `${kernelName}: expected ${count} words for ${name}, got ${words.length}; choose the variant that fits`,
    );
  list.push(...words);
};
