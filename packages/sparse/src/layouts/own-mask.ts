import { ArgumentError, DeviceError, FormatError, readSafetensors, Tensor, type HostTensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { BlockMask } from "../block-layout.ts";
import { hostData } from "../layout-in-state.ts";
import type { LayoutRequest, LayoutRule } from "./layout-rule.ts";

/** A mask as somebody has it: of blocks, or, as a tensor, of elements too: a block is stored where any of its elements is not 0. */
export type GivenMask = BlockMask | Tensor | HostTensor;

/** Masks by the paths of layers, as `readMasks` gives them. */
export type Masks = ReadonlyMap<string, GivenMask>;

/**
 * Blocks that the caller chooses: one mask, masks by the paths of layers, or a function of the layer. Its tensors are `[rows, cols]` of
 * blocks, or `[out, in]` of elements. Rows and columns may be empty. The density of a pattern is the mask's own.
 *
 * @example
 * patcher.addPattern("fc", { layout: ownMask([[1, 0], [1, 1]]) });
 * patcher.addPattern(/.*dense/, { layout: ownMask(readMasks(await readFile("masks.json"))) });
 * patcher.addPattern(/.*dense/, { layout: ownMask(({ rows, cols }) => Uint8Array.from({ length: rows * cols }, (_, at) => at % 2)) });
 */
export const ownMask = (mask: GivenMask | Masks | ((request: LayoutRequest) => GivenMask)): LayoutRule => ({
  name: "ownMask",
  setsDensity: true,
  mask: (request) => {
    const given = typeof mask === "function" ? mask(request) : isMasks(mask) ? ofLayer(mask, request.name) : mask;
    if (given instanceof Uint8Array || Array.isArray(given)) return given as BlockMask;
    return ofTensor(given as Tensor | HostTensor, request);
  },
});

const isMasks = (mask: GivenMask | Masks): mask is Masks => mask instanceof Map;

const ofLayer = (masks: Masks, name: string): GivenMask => {
  const found = masks.get(name);
  if (found !== undefined) return found;
  throw new ArgumentError(
    `ownMask: expected a mask of "${name}", there is ${[...masks.keys()].join(", ") || "none at all"}`,
  );
};

const ofTensor = (tensor: Tensor | HostTensor, { rows, cols, shape, blockSize: b }: LayoutRequest): Uint8Array => {
  if (tensor instanceof Tensor && !tensor.device.readSync)
    throw new DeviceError(
      `ownMask: its mask is on ${tensor.device.name}, which answers only later; await mask.to("cpu") first`,
    );
  const [height, width] = tensor.shape;
  const is = (expected: readonly number[]): boolean =>
    tensor.shape.length === 2 && height === expected[0] && width === expected[1];
  const values = hostData(tensor);
  if (is([rows, cols])) return Uint8Array.from(values, (value) => Number(value !== 0));
  if (!is(shape))
    throw new ArgumentError(
      `ownMask: expected a mask ${showShape([rows, cols])} of blocks or ${showShape(shape)} of elements, got ${showShape(tensor.shape)}`,
    );
  const mask = new Uint8Array(rows * cols);
  for (let at = 0; at < values.length; at++)
    if (values[at] !== 0) mask[Math.floor(Math.floor(at / shape[1]) / b) * cols + Math.floor((at % shape[1]) / b)] = 1;
  return mask;
};

/**
 * Masks by the paths of layers, from the bytes of a file: JSON, `{ "encoder.layer.0.dense": [[1, 0], [0, 1]] }`, or safetensors with a tensor for
 * each layer, of blocks or of elements.
 *
 * @throws FormatError when it is neither.
 * @example
 * const masks = readMasks(await readFile("masks.safetensors"));
 */
export const readMasks = (bytes: Uint8Array): Masks => {
  // A safetensors file opens with the length of its header in eight bytes, JSON with a brace.
  const text = new TextDecoder().decode(bytes.subarray(0, 8)).trimStart();
  if (!text.startsWith("{")) return readSafetensors(bytes).tensors;
  try {
    const masks = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
    return new Map(Object.entries(masks).map(([name, mask]) => [name, checkedMask(name, mask)] as const));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FormatError(`readMasks: expected masks in JSON or safetensors, got neither; ${error.message}`);
  }
};

const checkedMask = (name: string, mask: unknown): BlockMask => {
  if (Array.isArray(mask) && mask.every((row) => Array.isArray(row))) return mask as BlockMask;
  throw new FormatError(`readMasks: expected rows of 0 and 1 for "${name}", got ${typeof mask}; see the example`);
};
