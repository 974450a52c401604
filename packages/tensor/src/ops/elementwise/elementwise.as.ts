/**
 * Elementwise kernels: y = f(x), z = f(x, y) and y = c ? a : b on operands of any strides, broadcast to a contiguous result.
 *
 * One task computes `chunk` elements of the result (see assembly/map.as.ts for the words, and elementwise-walk.as.ts for the order of work). An op is one
 * class and one line in `apply1`, `apply2` or `apply3`; the exports at the end name it. float32 throughout; error bounds stand at
 * each function in assembly/math.as.ts and elementwise-math.as.ts, everything else is correctly rounded. NaN and infinities behave as in torch.
 * bool is a byte, 0 or 1: it is read as four int32 lanes, and written from the lanes of a mask.
 */
import { constant } from "../../assembly/simd.as";
import {
  cos4, erf4, exp4, gelu4, geluSlope4, geluTanh4, geluTanhSlope4, log4, pow4, sigmoid4, silu4, sin4, softplus4, tanh4,
} from "../../assembly/math.as";
import { atan24, divBackward4, expm14, log1p4, powBackward4, sign4, siluSlope4 } from "./elementwise-math.as";
import { binary, rests, ternary, unary } from "./elementwise-walk.as";

// The ops, as types: the compiler then leaves out all other rows before it inlines one.
class Neg {} class Exp {} class Log {} class Sqrt {} class Rsqrt {} class Abs {} class Tanh {} class Sigmoid {}
class Relu {} class Erf {} class Sin {} class Cos {} class Square {} class Reciprocal {} class Silu {}
class Softplus {} class Sign {} class Floor {} class Gelu {} class GeluTanh {} class Clamp {} class NegI {}
class AbsI {} class SignI {} class Not {} class F32ToI32 {} class F32ToBool {} class I32ToF32 {} class I32ToBool {}
class Copy {} class Add {} class Sub {} class Mul {} class Div {} class Maximum {} class Minimum {} class Pow {}
class Eq {} class Ne {} class Lt {} class Le {} class Gt {} class Ge {} class AddI {} class SubI {} class MulI {}
class MaximumI {} class MinimumI {} class EqI {} class NeI {} class LtI {} class LeI {} class GtI {} class GeI {}
class And {} class Or {} class TanhBackward {} class SigmoidBackward {} class GeluBackward {}
class GeluTanhBackward {} class ReluBackward {} class AbsBackward {} class SiluBackward {} class Where {}
class WhereBool {} class DivBackward {} class PowBackward {} class MaximumBackward {} class MinimumBackward {}
class Log1p {} class Expm1 {} class Atan2 {} class AndI {}

// @ts-ignore: decorator
@inline function is<A, B>(): bool {
  return idof<A>() == idof<B>();
}

const ONE: usize = memory.data<f32>([1]);

/** f(x); p and q are the attributes of the op, in all lanes. */
// @ts-ignore: decorator
@inline export function apply1<F>(x: v128, p: v128, q: v128): v128 {
  const zero = i32x4.splat(0);
  if (is<F, Neg>()) return f32x4.neg(x);
  if (is<F, Exp>()) return exp4(x);
  if (is<F, Log>()) return log4(x);
  if (is<F, Log1p>()) return log1p4(x);
  if (is<F, Expm1>()) return expm14(x);
  if (is<F, Sqrt>()) return f32x4.sqrt(x);
  if (is<F, Rsqrt>()) return f32x4.div(constant(ONE, 0), f32x4.sqrt(x));
  if (is<F, Abs>()) return f32x4.abs(x);
  if (is<F, Tanh>()) return tanh4(x);
  if (is<F, Sigmoid>()) return sigmoid4(x);
  if (is<F, Relu>()) return f32x4.pmax(x, zero);
  if (is<F, Erf>()) return erf4(x);
  if (is<F, Sin>()) return sin4(x);
  if (is<F, Cos>()) return cos4(x);
  if (is<F, Square>()) return f32x4.mul(x, x);
  if (is<F, Reciprocal>()) return f32x4.div(constant(ONE, 0), x);
  if (is<F, Silu>()) return silu4(x);
  if (is<F, Softplus>()) return softplus4(x);
  if (is<F, Sign>()) return sign4(x);
  if (is<F, Floor>()) return f32x4.floor(x);
  if (is<F, Gelu>()) return gelu4(x);
  if (is<F, GeluTanh>()) return geluTanh4(x);
  if (is<F, Clamp>()) return f32x4.pmin(f32x4.pmax(x, p), q);
  if (is<F, NegI>()) return i32x4.neg(x);
  if (is<F, AbsI>()) return i32x4.abs(x);
  if (is<F, SignI>()) return i32x4.sub(i32x4.lt_s(x, zero), i32x4.gt_s(x, zero));
  if (is<F, Not>()) return i32x4.eq(x, zero);
  if (is<F, F32ToI32>()) return i32x4.trunc_sat_f32x4_s(x);
  if (is<F, F32ToBool>()) return f32x4.ne(x, zero);
  if (is<F, I32ToF32>()) return f32x4.convert_i32x4_s(x);
  if (is<F, I32ToBool>()) return i32x4.ne(x, zero);
  return x;
}

/** f(x, y). The backward ops take dy first, then what their forward saved. */
// @ts-ignore: decorator
@inline export function apply2<F>(x: v128, y: v128): v128 {
  if (is<F, Add>()) return f32x4.add(x, y);
  if (is<F, Sub>()) return f32x4.sub(x, y);
  if (is<F, Mul>()) return f32x4.mul(x, y);
  if (is<F, Div>()) return f32x4.div(x, y);
  if (is<F, Maximum>()) return f32x4.max(x, y);
  if (is<F, Minimum>()) return f32x4.min(x, y);
  if (is<F, Pow>()) return pow4(x, y);
  if (is<F, Atan2>()) return atan24(x, y);
  if (is<F, AndI>()) return v128.and(x, y);
  if (is<F, Eq>()) return f32x4.eq(x, y);
  if (is<F, Ne>()) return f32x4.ne(x, y);
  if (is<F, Lt>()) return f32x4.lt(x, y);
  if (is<F, Le>()) return f32x4.le(x, y);
  if (is<F, Gt>()) return f32x4.gt(x, y);
  if (is<F, Ge>()) return f32x4.ge(x, y);
  if (is<F, AddI>()) return i32x4.add(x, y);
  if (is<F, SubI>()) return i32x4.sub(x, y);
  if (is<F, MulI>()) return i32x4.mul(x, y);
  if (is<F, MaximumI>()) return i32x4.max_s(x, y);
  if (is<F, MinimumI>()) return i32x4.min_s(x, y);
  if (is<F, EqI>()) return i32x4.eq(x, y);
  if (is<F, NeI>()) return i32x4.ne(x, y);
  if (is<F, LtI>()) return i32x4.lt_s(x, y);
  if (is<F, LeI>()) return i32x4.le_s(x, y);
  if (is<F, GtI>()) return i32x4.gt_s(x, y);
  if (is<F, GeI>()) return i32x4.ge_s(x, y);
  if (is<F, And>()) return i32x4.gt_s(v128.and(x, y), i32x4.splat(0));
  if (is<F, Or>()) return i32x4.gt_s(v128.or(x, y), i32x4.splat(0));
  if (is<F, TanhBackward>()) return f32x4.mul(x, f32x4.sub(constant(ONE, 0), f32x4.mul(y, y)));
  if (is<F, SigmoidBackward>()) return f32x4.mul(f32x4.mul(x, y), f32x4.sub(constant(ONE, 0), y));
  if (is<F, GeluBackward>()) return f32x4.mul(x, geluSlope4(y));
  if (is<F, GeluTanhBackward>()) return f32x4.mul(x, geluTanhSlope4(y));
  // These select, so that no NaN or infinity passes where the slope is 0.
  if (is<F, ReluBackward>()) return v128.andnot(x, f32x4.le(y, i32x4.splat(0)));
  if (is<F, AbsBackward>()) {
    // NaN passes at NaN.
    const passes = v128.or(f32x4.gt(f32x4.abs(y), i32x4.splat(0)), v128.and(f32x4.ne(x, x), f32x4.ne(y, y)));
    return v128.and(v128.xor(x, v128.and(y, i32x4.splat(0x80000000))), passes);
  }
  if (is<F, SiluBackward>()) return f32x4.mul(x, siluSlope4(y));
  return x;
}

/** c ? a : b, where c is a byte; or what a backward of two operands gives for dy, and them. */
// @ts-ignore: decorator
@inline export function apply3<F>(c: v128, a: v128, b: v128): v128 {
  if (is<F, DivBackward>()) return divBackward4(c, a, b);
  if (is<F, PowBackward>()) return powBackward4(c, a, b);
  // Half for each of two equal ones, nothing for the one that lost; NaN loses to nothing.
  if (is<F, MaximumBackward>() || is<F, MinimumBackward>()) {
    const half = v128.bitselect(f32x4.mul(c, f32x4.splat(0.5)), c, f32x4.eq(a, b));
    return v128.andnot(half, is<F, MaximumBackward>() ? f32x4.lt(a, b) : f32x4.gt(a, b));
  }
  const y = v128.bitselect(a, b, i32x4.gt_s(c, i32x4.splat(0)));
  if (is<F, WhereBool>()) return i32x4.gt_s(y, i32x4.splat(0));
  return y;
}

// The kernels, by dtype of the operands. The words are those of assembly/map.as.ts.

// y = f(x)
export function neg_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Neg, f32, f32>(task, x, y, words); }
export function exp_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Exp, f32, f32>(task, x, y, words); }
export function log_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Log, f32, f32>(task, x, y, words); }
export function log1p_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Log1p, f32, f32>(task, x, y, words); }
export function expm1_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Expm1, f32, f32>(task, x, y, words); }
export function sqrt_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sqrt, f32, f32>(task, x, y, words); }
export function rsqrt_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Rsqrt, f32, f32>(task, x, y, words); }
export function abs_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Abs, f32, f32>(task, x, y, words); }
export function tanh_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Tanh, f32, f32>(task, x, y, words); }
export function sigmoid_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sigmoid, f32, f32>(task, x, y, words); }
export function relu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Relu, f32, f32>(task, x, y, words); }
export function erf_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Erf, f32, f32>(task, x, y, words); }
export function sin_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sin, f32, f32>(task, x, y, words); }
export function cos_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Cos, f32, f32>(task, x, y, words); }
export function square_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Square, f32, f32>(task, x, y, words); }
export function reciprocal_f32(task: i32, x: usize, y: usize, words: usize): void {
  unary<Reciprocal, f32, f32>(task, x, y, words);
}
export function silu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Silu, f32, f32>(task, x, y, words); }
export function softplus_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Softplus, f32, f32>(task, x, y, words); }
export function sign_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Sign, f32, f32>(task, x, y, words); }
export function floor_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Floor, f32, f32>(task, x, y, words); }
export function gelu_f32(task: i32, x: usize, y: usize, words: usize): void { unary<Gelu, f32, f32>(task, x, y, words); }
export function gelu_tanh_f32(task: i32, x: usize, y: usize, words: usize): void { unary<GeluTanh, f32, f32>(task, x, y, words); }
export function clamp_f32(task: i32, x: usize, y: usize, words: usize, min: f32, max: f32): void {
  unary<Clamp, f32, f32>(task, x, y, words, min, max);
}
export function neg_i32(task: i32, x: usize, y: usize, words: usize): void { unary<NegI, i32, i32>(task, x, y, words); }
export function abs_i32(task: i32, x: usize, y: usize, words: usize): void { unary<AbsI, i32, i32>(task, x, y, words); }
export function sign_i32(task: i32, x: usize, y: usize, words: usize): void { unary<SignI, i32, i32>(task, x, y, words); }
export function not_bool(task: i32, x: usize, y: usize, words: usize): void { unary<Not, u8, u8>(task, x, y, words); }

// Casts. To int32 towards zero; NaN gives 0 and what is too large the nearest int32.
export function cast_f32_i32(task: i32, x: usize, y: usize, words: usize): void { unary<F32ToI32, f32, i32>(task, x, y, words); }
export function cast_f32_bool(task: i32, x: usize, y: usize, words: usize): void { unary<F32ToBool, f32, u8>(task, x, y, words); }
export function cast_i32_f32(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToF32, i32, f32>(task, x, y, words); }
export function cast_i32_bool(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToBool, i32, u8>(task, x, y, words); }
export function cast_bool_f32(task: i32, x: usize, y: usize, words: usize): void { unary<I32ToF32, u8, f32>(task, x, y, words); }
export function cast_bool_i32(task: i32, x: usize, y: usize, words: usize): void { unary<Copy, u8, i32>(task, x, y, words); }

// z = f(x, y)
export function add_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Add, f32, f32>(2, task, x, y, z, words);
}
export function sub_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Sub, f32, f32>(2, task, x, y, z, words);
}
export function mul_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Mul, f32, f32>(2, task, x, y, z, words);
}
export function div_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Div, f32, f32>(2, task, x, y, z, words);
}
export function maximum_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Maximum, f32, f32>(1, task, x, y, z, words);
}
export function minimum_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Minimum, f32, f32>(1, task, x, y, z, words);
}
export function pow_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Pow, f32, f32>(0, task, x, y, z, words);
}
export function atan2_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Atan2, f32, f32>(0, task, x, y, z, words);
}
export function fmod_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  rests<f32>(task, x, y, z, words);
}
export function fmod_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  rests<i32>(task, x, y, z, words);
}
export function and_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<AndI, i32, i32>(0, task, x, y, z, words);
}
export function eq_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Eq, f32, u8>(0, task, x, y, z, words);
}
export function ne_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Ne, f32, u8>(0, task, x, y, z, words);
}
export function lt_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Lt, f32, u8>(0, task, x, y, z, words);
}
export function le_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Le, f32, u8>(0, task, x, y, z, words);
}
export function gt_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Gt, f32, u8>(0, task, x, y, z, words);
}
export function ge_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Ge, f32, u8>(0, task, x, y, z, words);
}
export function add_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<AddI, i32, i32>(0, task, x, y, z, words);
}
export function sub_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SubI, i32, i32>(0, task, x, y, z, words);
}
export function mul_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MulI, i32, i32>(0, task, x, y, z, words);
}
export function maximum_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MaximumI, i32, i32>(0, task, x, y, z, words);
}
export function minimum_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<MinimumI, i32, i32>(0, task, x, y, z, words);
}
export function eq_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<EqI, i32, u8>(0, task, x, y, z, words);
}
export function ne_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<NeI, i32, u8>(0, task, x, y, z, words);
}
export function lt_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<LtI, i32, u8>(0, task, x, y, z, words);
}
export function le_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<LeI, i32, u8>(0, task, x, y, z, words);
}
export function gt_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GtI, i32, u8>(0, task, x, y, z, words);
}
export function ge_i32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeI, i32, u8>(0, task, x, y, z, words);
}
export function eq_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<EqI, u8, u8>(0, task, x, y, z, words);
}
export function ne_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<NeI, u8, u8>(0, task, x, y, z, words);
}
export function and_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<And, u8, u8>(0, task, x, y, z, words);
}
export function or_bool(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<Or, u8, u8>(0, task, x, y, z, words);
}

// z = x · f'(y), with f' by what f gave or took: dx = dy · f'
export function tanh_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<TanhBackward, f32, f32>(1, task, x, y, z, words);
}
export function sigmoid_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SigmoidBackward, f32, f32>(1, task, x, y, z, words);
}
export function gelu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeluBackward, f32, f32>(1, task, x, y, z, words);
}
export function gelu_tanh_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<GeluTanhBackward, f32, f32>(1, task, x, y, z, words);
}
export function relu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<ReluBackward, f32, f32>(1, task, x, y, z, words);
}
export function abs_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<AbsBackward, f32, f32>(1, task, x, y, z, words);
}
export function silu_backward_f32(task: i32, x: usize, y: usize, z: usize, words: usize): void {
  binary<SiluBackward, f32, f32>(1, task, x, y, z, words);
}

// The backwards of two operands: dz, then what the forward took or gave.
export function div_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<DivBackward, f32, f32>(2, task, x, y, z, out, words);
}
export function pow_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<PowBackward, f32, f32>(0, task, x, y, z, out, words);
}
export function maximum_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<MaximumBackward, f32, f32>(2, task, x, y, z, out, words);
}
export function minimum_backward_f32(task: i32, x: usize, y: usize, z: usize, out: usize, words: usize): void {
  ternary<MinimumBackward, f32, f32>(2, task, x, y, z, out, words);
}

// y = c ? a : b
export function where_f32(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<Where, u8, f32>(2, task, condition, a, b, y, words);
}
export function where_i32(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<Where, u8, i32>(0, task, condition, a, b, y, words);
}
export function where_bool(task: i32, condition: usize, a: usize, b: usize, y: usize, words: usize): void {
  ternary<WhereBool, u8, u8>(0, task, condition, a, b, y, words);
}
