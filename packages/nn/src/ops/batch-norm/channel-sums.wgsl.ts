import { scratch, type Layout } from "@tessera/tensor/extend";

/** Invocations of a workgroup. */
export const WORKGROUP = 256;
/** Workgroups that keep a large GPU busy, and elements of a part at least. */
const TARGET_GROUPS = 1024;
const MIN_PART = 4096;

/** Words that say where x [batch, channels, places] lies, and how a channel's elements are cut into parts. */
export const PLACES = {
  xStart: "u32",
  nStep: "u32",
  cStep: "u32",
  pStep: "u32",
  channels: "u32",
  places: "u32",
  count: "u32",
  parts: "u32",
  span: "u32",
} as const;

/** Those words, the number of parts of all channels, and the scratch for `floats` numbers of each. */
export const placesOf = ({ shape, strides, offset }: Layout, floats: number) => {
  const [batch, channels, places] = shape as [number, number, number];
  const [nStep, cStep, pStep] = strides as [number, number, number];
  const count = batch * places;
  const max = Math.max(1, Math.min(Math.floor(count / MIN_PART), Math.ceil(TARGET_GROUPS / channels)));
  const span = Math.max(1, Math.ceil(count / max));
  const parts = Math.max(1, Math.ceil(count / span));
  return {
    words: { xStart: offset, nStep, cStep, pStep, channels, places, count, parts, span },
    groups: channels * parts,
    partials: scratch(0),
    scratchBytes: [channels * parts * floats * 4],
    elements: count * channels,
  };
};

/** Statements that set `c`, `part` and `end` of a workgroup, and the channel's start `base` in x. */
export const partText = (group: string): string => /* wgsl */ `
  let unit = ${group};
  let mine = unit < w.channels * w.parts;
  let c = select(0u, unit / w.parts, mine);
  let part = unit % w.parts;
  let base = w.xStart + c * w.cStep;
  let end = select(0u, min((part + 1u) * w.span, w.count), mine);`;

/** Where element i of a channel lies in x, and in a contiguous tensor like it. */
export const inX = (i: string): string => `base + (${i}) / w.places * w.nStep + (${i}) % w.places * w.pStep`;
export const inRow = (i: string): string => `((${i}) / w.places * w.channels + c) * w.places + (${i}) % w.places`;

/** Statements that set `c` of element `at` of a contiguous tensor, and its `place` in x. */
export const elementText = /* wgsl */ `
  let p = at % w.places;
  let c = at / w.places % w.channels;
  let n = at / w.places / w.channels;
  let place = w.xStart + n * w.nStep + c * w.cStep + p * w.pStep;`;
