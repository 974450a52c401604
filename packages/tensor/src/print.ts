import type { TypedArray } from "./dtype.ts";
import { contiguousStrides, numel, showShape, type Layout, type Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** torch's defaults: 4 digits, tensors of more than 1000 elements shortened to 3 at each edge. */
const DIGITS = 4;
const THRESHOLD = 1000;
const EDGE = 3;

/** Which positions of a dim are printed; −1 stands for the dots. */
const positions = (size: number, shorten: boolean): number[] =>
  shorten && size > 2 * EDGE ? [0, 1, 2, -1, size - 3, size - 2, size - 1] : Array.from({ length: size }, (_, i) => i);

/** How one column of numbers is written: all with the same digits, as torch does. */
const formatter = (values: readonly number[], dtype: Layout["dtype"]): ((value: number) => string) => {
  if (dtype === "bool") return (value) => (value ? " True" : "False");
  if (dtype === "int32") return (value) => String(value);
  const finite = values.filter(Number.isFinite);
  const nonzero = finite.filter((value) => value !== 0).map(Math.abs);
  const [low, high] = [Math.min(...nonzero), Math.max(...nonzero)];
  const special = (value: number): string => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");
  const write =
    nonzero.length > 0 && (high / low > 1000 || high > 1e8 || low < 1e-4)
      ? (value: number) => value.toExponential(DIGITS).replace(/e([+-])(\d)$/, "e$10$2")
      : finite.every(Number.isInteger)
        ? (value: number) => `${value}.`
        : (value: number) => value.toFixed(DIGITS);
  return (value) => (Number.isFinite(value) ? write(value) : special(value));
};

/** The values in nested brackets, shortened when there are many. */
export const showValues = (values: TypedArray, shape: Shape, dtype: Layout["dtype"], indent: number): string => {
  const strides = contiguousStrides(shape);
  const shorten = numel(shape) > THRESHOLD;
  const shown: number[] = [];
  const collect = (depth: number, at: number): void => {
    if (depth === shape.length) shown.push(values[at]!);
    else for (const i of positions(shape[depth]!, shorten)) if (i >= 0) collect(depth + 1, at + i * strides[depth]!);
  };
  collect(0, 0);
  const format = formatter(shown, dtype);
  const width = shown.reduce((w, value) => Math.max(w, format(value).length), 0);
  const write = (depth: number, at: number): string => {
    if (depth === shape.length) return format(values[at]!).padStart(shape.length === 0 ? 0 : width);
    const parts = positions(shape[depth]!, shorten).map((i) =>
      i < 0 ? "..." : write(depth + 1, at + i * strides[depth]!),
    );
    const last = depth === shape.length - 1;
    const gap = last ? ", " : `,${"\n".repeat(shape.length - 1 - depth)}${" ".repeat(indent + depth + 1)}`;
    return `[${parts.join(gap)}]`;
  };
  return write(0, 0);
};

/** `tensor([[1., 2.]])` as torch prints it; shape, dtype and device where they do not speak for themselves. */
export const show = (x: Tensor): string => {
  if (x.isDisposed) return `tensor(freed, shape=${showShape(x.shape)}, dtype=${x.dtype})`;
  const notes = [
    ...(x.numel() === 0 && x.ndim !== 1 ? [`size=${showShape(x.shape)}`] : []),
    ...(x.dtype === "int32" || x.numel() === 0 ? [`dtype=${x.dtype}`] : []),
    ...(x.device.name === "cpu" ? [] : [`device="${x.device.name}"`]),
  ];
  if (!x.device.readSync) return `tensor(shape=${showShape(x.shape)}, dtype=${x.dtype}, device="${x.device.name}")`;
  const values = x.numel() === 0 ? "[]" : showValues(x.dataSync(), x.shape, x.dtype, "tensor(".length);
  return `tensor(${[values, ...notes].join(", ")})`;
};
