import type { DType } from "../../dtype.ts";
import { OverflowError } from "../../error.ts";
import { isInt32, MAX_INT32 } from "../../host-data.ts";
import { namedScope } from "../../named-scope.ts";
import { run } from "../../op.ts";
import type { Tensor } from "../../tensor.ts";
import { kernels } from "../../generated/kernels.ts";
import { apply, operand } from "./apply.ts";
import { cast } from "./cast.ts";
import type { BinaryKernel } from "./elementwise.cpu.ts";
import { binary, choice } from "./rows.ts";
import { power } from "./special.ts";

const f32 = (kernel: BinaryKernel) => ({ float32: kernel });
/** NaN wins; WGSL leaves open which operand it takes. */
const extreme = (fn: "max" | "min") => (dtype: DType) =>
  dtype === "float32" ? `select(${fn}(x, y), nan(), isNan(x) || isNan(y))` : `${fn}(x, y)`;

export const addOp = binary("add", {
  wgsl: "x + y",
  reference: (x, y) => x + y,
  cpu: { float32: kernels.addF32, int32: kernels.addI32 },
});
export const subOp = binary("sub", {
  wgsl: "x - y",
  reference: (x, y) => x - y,
  cpu: { float32: kernels.subF32, int32: kernels.subI32 },
});
export const mulOp = binary("mul", {
  wgsl: "x * y",
  reference: (x, y) => x * y,
  referenceInt32: Math.imul,
  cpu: { float32: kernels.mulF32, int32: kernels.mulI32 },
});
export const divOp = binary("div", { wgsl: "x / y", reference: (x, y) => x / y, cpu: f32(kernels.divF32) });
export const maximumOp = binary("maximum", {
  wgsl: extreme("max"),
  reference: (x, y) => Math.max(x, y),
  cpu: { float32: kernels.maximumF32, int32: kernels.maximumI32 },
});
export const minimumOp = binary("minimum", {
  wgsl: extreme("min"),
  reference: (x, y) => Math.min(x, y),
  cpu: { float32: kernels.minimumF32, int32: kernels.minimumI32 },
});
export const powOp = binary("pow", {
  wgsl: "powOf(x, y)",
  reference: (x, y) => power(x, y),
  cpu: f32(kernels.powF32),
});
export const fmodOp = binary("fmod", {
  // −1 divides every number, also the one whose quotient int32 does not hold.
  wgsl: (dtype) =>
    dtype === "float32" ? "fmodOf(x, y)" : "if (y == 0) { report(y); return 0; } return x % select(y, 1, y == -1);",
  reference: (x, y) => x % y,
  cpu: { float32: kernels.fmodF32, int32: kernels.fmodI32 },
  fault: () =>
    new OverflowError(
      "fmod: divisors that are not 0 expected for int32, got 0; mask it, as in maskedFill(y, eq(y, 0), 1)",
    ),
});
export const atan2Op = binary("atan2", {
  // x is the first operand, the height, and y the second. As in elementwise.as.ts: WGSL's own atan2 is 4096 units in the last place off.
  wgsl: `
  let across = abs(y);
  let up = abs(x);
  let least = min(across, up);
  let largest = max(across, up);
  let ratio = select(select(least / largest, 1.0, least == largest), 0.0, largest == 0.0);
  let turned = ratio > 0.41421357;
  let t = select(ratio, (ratio - 1.0) / (ratio + 1.0), turned);
  let z = t * t;
  let p = fma(z * fma(fma(fma(0.0805347487, z, -0.138776079), z, 0.199777037), z, -0.333329499), t, t);
  let flat = select(p, 0.785398185 + p, turned);
  let right = select(flat, 1.57079637 - flat, up > across);
  let angle = select(right, 3.14159274 - right, (bitcast<u32>(y) >> 31u) == 1u);
  let signed = fromBits(bitcast<u32>(angle) | (bitcast<u32>(x) & 0x80000000u));
  return select(signed, nan(), isNan(x) || isNan(y));`,
  reference: (y, x) => Math.atan2(y, x),
  cpu: f32(kernels.atan2F32),
});
export const eqOp = binary("eq", {
  wgsl: "select(0u, 1u, x == y)",
  reference: (x, y) => +(x === y),
  cpu: { float32: kernels.eqF32, int32: kernels.eqI32, bool: kernels.eqBool },
  out: "bool",
});
export const neOp = binary("ne", {
  // Some drivers take x != y for false when one is NaN.
  wgsl: "select(1u, 0u, x == y)",
  reference: (x, y) => +(x !== y),
  cpu: { float32: kernels.neF32, int32: kernels.neI32, bool: kernels.neBool },
  out: "bool",
});
export const ltOp = binary("lt", {
  wgsl: "select(0u, 1u, x < y)",
  reference: (x, y) => +(x < y),
  cpu: { float32: kernels.ltF32, int32: kernels.ltI32 },
  out: "bool",
});
export const leOp = binary("le", {
  wgsl: "select(0u, 1u, x <= y)",
  reference: (x, y) => +(x <= y),
  cpu: { float32: kernels.leF32, int32: kernels.leI32 },
  out: "bool",
});
export const gtOp = binary("gt", {
  wgsl: "select(0u, 1u, x > y)",
  reference: (x, y) => +(x > y),
  cpu: { float32: kernels.gtF32, int32: kernels.gtI32 },
  out: "bool",
});
export const geOp = binary("ge", {
  wgsl: "select(0u, 1u, x >= y)",
  reference: (x, y) => +(x >= y),
  cpu: { float32: kernels.geF32, int32: kernels.geI32 },
  out: "bool",
});
export const logicalAndOp = binary("logicalAnd", {
  wgsl: "x & y",
  reference: (x, y) => x & y,
  cpu: { bool: kernels.andBool },
});
export const logicalOrOp = binary("logicalOr", {
  wgsl: "x | y",
  reference: (x, y) => x | y,
  cpu: { bool: kernels.orBool },
});
export const bitwiseAndOp = binary("bitwiseAnd", {
  wgsl: "x & y",
  reference: (x, y) => x & y,
  cpu: { int32: kernels.andI32, bool: kernels.andBool },
});
export const whereOp = choice("where", {
  float32: kernels.whereF32,
  int32: kernels.whereI32,
  bool: kernels.whereBool,
});

/** Runs a binary op, or on two bool tensors what logic has for it. */
const applyOr = (op: typeof addOp, ofBools: typeof addOp, x: Tensor, y: Tensor | number): Tensor =>
  x.dtype === "bool" && typeof y !== "number" && y.dtype === "bool" ? run(ofBools, [x, y])[0] : apply(op, x, y);

/**
 * Runs a comparison. With a number that the dtype of x does not hold, the answer is what mathematics says: 5 < 3·10⁹, and nothing of
 * int32 equals ½.
 */
const compare = (op: typeof eqOp, x: Tensor, y: Tensor | number): Tensor => {
  const isEquality = op === eqOp || op === neOp;
  if (x.dtype === "bool" && !isEquality && (typeof y === "number" || y.dtype === "bool"))
    // False comes before true.
    return namedScope(op.name, () => compare(op, cast(x, "int32"), typeof y === "number" ? y : cast(y, "int32")));
  if (typeof y !== "number" || x.dtype === "float32" || (x.dtype === "int32" && isInt32(y))) return apply(op, x, y);
  if (x.dtype === "bool") return y === 0 || y === 1 ? apply(op, x, y) : always(x, op === neOp);
  if (Number.isNaN(y) || (isEquality && !isInt32(y))) return always(x, op === neOp);
  // x < y as x < ⌈y⌉, and x > y as x > ⌊y⌋; likewise with equality.
  const limit = op === ltOp || op === geOp ? Math.ceil(y) : Math.floor(y);
  if (isInt32(limit)) return apply(op, x, limit);
  return always(x, (op === ltOp || op === leOp) === limit > MAX_INT32);
};

/** True or false for each element of int32 or bool, which equal themselves. */
const always = (x: Tensor, answer: boolean): Tensor => run(answer ? eqOp : neOp, [x, x])[0];

/**
 * x + y, after broadcasting. Beside int32 a number must be one that int32 holds; sums of elements wrap around. Of two
 * bool tensors, whether one holds.
 *
 * Shape: any two that broadcast → their common shape. {@link https://docs.pytorch.org/docs/stable/generated/torch.add.html torch.add}
 *
 * @throws ShapeError when the shapes do not broadcast, DTypeError when the dtypes differ.
 * @example
 * await add(tensor([1, 2]), 10).data(); // [11, 12]
 */
export const add = (x: Tensor, y: Tensor | number): Tensor => applyOr(addOp, logicalOrOp, x, y);
/** x − y, after broadcasting. {@link https://docs.pytorch.org/docs/stable/generated/torch.sub.html torch.sub} */
export const sub = (x: Tensor, y: Tensor | number): Tensor => apply(subOp, x, y);
/** x · y element by element, after broadcasting; of two bool tensors, whether both hold. {@link https://docs.pytorch.org/docs/stable/generated/torch.mul.html torch.mul} */
export const mul = (x: Tensor, y: Tensor | number): Tensor => applyOr(mulOp, logicalAndOp, x, y);
/** x / y, after broadcasting; float32 only. {@link https://docs.pytorch.org/docs/stable/generated/torch.div.html torch.div} */
export const div = (x: Tensor, y: Tensor | number): Tensor => apply(divOp, x, y);
/** The larger of x and y, true for bool; NaN wins, and equal elements share the gradient. {@link https://docs.pytorch.org/docs/stable/generated/torch.maximum.html torch.maximum} */
export const maximum = (x: Tensor, y: Tensor | number): Tensor => applyOr(maximumOp, logicalOrOp, x, y);
/** The smaller of x and y, false for bool; NaN wins, and equal elements share the gradient. {@link https://docs.pytorch.org/docs/stable/generated/torch.minimum.html torch.minimum} */
export const minimum = (x: Tensor, y: Tensor | number): Tensor => applyOr(minimumOp, logicalAndOp, x, y);
/** x to the power y; NaN for a negative x and a fractional y. {@link https://docs.pytorch.org/docs/stable/generated/torch.pow.html torch.pow} */
export const pow = (x: Tensor, y: Tensor | number): Tensor => apply(powOp, x, y);
/**
 * The angle in radians of the point (x, y), from −π to π: arctan(y / x) in the right quadrant. The height comes first, as in torch. The gradient
 * at (0, 0) is NaN.
 *
 * Shape: any two that broadcast → their common shape. {@link https://docs.pytorch.org/docs/stable/generated/torch.atan2.html torch.atan2}
 *
 * @throws ShapeError when the shapes do not broadcast, DTypeError unless both are float32.
 * @example
 * await atan2(tensor([1, 1, -1]), tensor([1, -1, 0])).data(); // [π/4, 3π/4, -π/2]
 */
export const atan2 = (y: Tensor, x: Tensor | number): Tensor => apply(atan2Op, y, x);
/** Whether x = y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.eq.html torch.eq} */
export const eq = (x: Tensor, y: Tensor | number): Tensor => compare(eqOp, x, y);
/** Whether x ≠ y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.ne.html torch.ne} */
export const ne = (x: Tensor, y: Tensor | number): Tensor => compare(neOp, x, y);
/** Whether x < y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.lt.html torch.lt} */
export const lt = (x: Tensor, y: Tensor | number): Tensor => compare(ltOp, x, y);
/** Whether x ≤ y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.le.html torch.le} */
export const le = (x: Tensor, y: Tensor | number): Tensor => compare(leOp, x, y);
/** Whether x > y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.gt.html torch.gt} */
export const gt = (x: Tensor, y: Tensor | number): Tensor => compare(gtOp, x, y);
/** Whether x ≥ y, as bool. Not differentiable. {@link https://docs.pytorch.org/docs/stable/generated/torch.ge.html torch.ge} */
export const ge = (x: Tensor, y: Tensor | number): Tensor => compare(geOp, x, y);
/**
 * The rest of x / y rounded towards zero, with the sign of x: exact, however large the quotient. NaN for y = 0 and x = ±∞; for int32 a 0 in y is an
 * error. The gradient to y is that quotient, negative.
 *
 * Shape: any two that broadcast → their common shape. float32 or int32.
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.fmod.html torch.fmod}
 *
 * @throws OverflowError when y holds a 0 and is int32, ShapeError when the shapes do not broadcast, DTypeError when the dtypes differ.
 * @example
 * await fmod(tensor([7, -7]), 3).data(); // [1, -1]
 */
export const fmod = (x: Tensor, y: Tensor | number): Tensor => apply(fmodOp, x, y);
/** The bits that both x and y have, on int32; on bool, whether both hold. {@link https://docs.pytorch.org/docs/stable/generated/torch.bitwise_and.html torch.bitwise_and} */
export const bitwiseAnd = (x: Tensor, y: Tensor | number): Tensor => apply(bitwiseAndOp, x, y);
/** x and y, on bool tensors. {@link https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html torch.logical_and} */
export const logicalAnd = (x: Tensor, y: Tensor): Tensor => run(logicalAndOp, [x, y])[0];
/** x or y, on bool tensors. {@link https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html torch.logical_or} */
export const logicalOr = (x: Tensor, y: Tensor): Tensor => run(logicalOrOp, [x, y])[0];

/**
 * a where the condition holds, b elsewhere; all three broadcast.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.where.html torch.where}
 *
 * @throws DTypeError unless the condition is bool and the branches share a dtype.
 * @example
 * const x = tensor([-1, 2]);
 * await where(gt(x, 0), x, mul(x, 0.1)).data(); // [-0.1, 2]
 */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor => run(whereOp, [condition, a, b])[0];

/**
 * x with `value` where the mask holds; both broadcast.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html torch.Tensor.masked_fill}
 */
export const maskedFill = (x: Tensor, mask: Tensor, value: number): Tensor => {
  const fill = operand("maskedFill", value, x);
  const y = run(whereOp, [mask, fill, x])[0];
  fill.dispose();
  return y;
};
