import { expect, it } from "vitest";
import { ArgumentError } from "../../error.ts";
import { input, output, scalar, scratch, words } from "../../slots.ts";
import { wasmKernel, type WasmArguments } from "./wasm-kernel.ts";
import { wasmModule } from "./wasm-module.ts";

const wasm = wasmModule("");
const parameters = {
  x: "usize",
  bias: "optional",
  sizes: "usize",
  y: "usize",
  n: "i32",
  factor: "f32",
  own: "usize",
} as const;
const kernel = wasmKernel(wasm, "scale_f32", parameters);
const args = {
  own: scratch(0),
  y: output(1),
  n: 7,
  factor: scalar("lr"),
  sizes: words([2, input(1)]),
  x: input(2),
  bias: null,
};

it("puts arguments into the order of the export; what is absent is the address 0", () => {
  const fault = (value: number): string => `${value}`;
  expect(kernel(args, { tasks: 3, fault })).toEqual({
    wasm,
    fn: "scale_f32",
    tasks: 3,
    fault,
    args: [{ in: 2 }, 0, { words: [2, { in: 1 }] }, { out: 1 }, 7, { scalar: "lr" }, { scratch: 0 }],
  });
});

it("refuses a missing argument, which plain JavaScript may leave out", () => {
  const { n, ...others } = args;
  expect(n).toBe(7);
  const call = (): unknown => kernel(others as unknown as WasmArguments<typeof parameters>, { tasks: 1 });
  expect(call).toThrow(ArgumentError);
  expect(call).toThrow('scale_f32: its argument "n" is expected (i32), and is missing; give it');
});
