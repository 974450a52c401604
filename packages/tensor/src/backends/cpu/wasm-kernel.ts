import { ArgumentError } from "../../error.ts";
import type { CpuArgument, CpuStep, WasmModule } from "../../op.ts";
import type { ScalarRef, Slot, Words } from "../../slots.ts";

/** What a parameter takes, by its type in the `*.as.ts` source: an address, one that may be absent, a whole number, a number. */
interface ArgumentOf {
  readonly usize: Slot | Words;
  readonly optional: Slot | null;
  readonly i32: number;
  readonly f32: number | ScalarRef;
  readonly f64: number | ScalarRef;
}

/** Parameters in the order of the export, after the task's number. */
export type WasmParameters = Readonly<Record<string, keyof ArgumentOf>>;

/** Arguments of a kernel by name. */
export type WasmArguments<P extends WasmParameters> = { readonly [N in keyof P]: ArgumentOf[P[N]] };

/** How a step runs. */
export type WasmLaunch = Pick<CpuStep, "tasks" | "fault">;

/** Makes the step that calls a kernel. Planners call it; it does no work at launch time. */
export type WasmKernel<P extends WasmParameters> = (args: WasmArguments<P>, launch: WasmLaunch) => CpuStep;

/**
 * The builder of one kernel's steps: `tessera-wasm` writes a call of this for every kernel, into src/generated/kernels.ts.
 *
 * @param fn the export's name
 * @param parameters its parameters in order, without the task's number
 * @returns a function that throws ArgumentError when an argument is missing
 * @example
 * const scale = wasmKernel(wasm, "scale_f32", { x: "usize", y: "usize", n: "i32", factor: "f32" });
 * // then in a planner
 * const step = scale({ x: input(0), y: output(0), n, factor: scalar("factor") }, { tasks: 1 });
 */
export const wasmKernel = <const P extends WasmParameters>(
  wasm: WasmModule,
  fn: string,
  parameters: P,
): WasmKernel<P> => {
  const order = Object.keys(parameters);
  const argument = (name: string, value: CpuArgument | null | undefined): CpuArgument => {
    // The compiler has refused this, but a planner may be plain JavaScript.
    if (value === undefined)
      throw new ArgumentError(
        `${fn}: its argument "${name}" is expected (${parameters[name]}), and is missing; give it`,
      );
    // An absent tensor has address 0.
    return value ?? 0;
  };
  return (args, launch) => {
    const values = args as Readonly<Record<string, CpuArgument | null>>;
    return { wasm, fn, args: order.map((name) => argument(name, values[name])), ...launch };
  };
};
