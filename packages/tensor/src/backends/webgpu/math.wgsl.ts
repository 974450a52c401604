/**
 * Elementary functions where WGSL's own are too coarse, overflow, or differ between drivers. The fits and their bounds are those of
 * assembly/math.as.ts; NaN comes out where NaN goes in.
 */
const functions: { readonly [name: string]: string } = {
  fromBits: /* wgsl */ `fn fromBits(bits: u32) -> f32 { var b = bits; return bitcast<f32>(b); }`,
  // WGSL cannot write these, and a compiler may assume that x == x.
  infinity: /* wgsl */ `fn infinity() -> f32 { return fromBits(0x7f800000u); }`,
  nan: /* wgsl */ `fn nan() -> f32 { return fromBits(0x7fc00000u); }`,
  isNan: /* wgsl */ `fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  /** e^x: x = n ln 2 + r; WGSL's exp alone loses |x| units in the last place. */
  expOf: /* wgsl */ `
fn expOf(x: f32) -> f32 {
  let c = clamp(x, -104.0, 89.0);
  let n = round(c * 1.4426950409);
  let r = fma(n, 2.12194440055e-4, fma(n, -0.693359375, c));
  // In two halves: 2^n alone may be too large or too small.
  let half = floor(0.5 * n);
  let y = exp2(r * 1.4426950409) * exp2(half) * exp2(n - half);
  return select(select(y, infinity(), x > 89.0), x, isNan(x));
}`,
  /** ln x for all x; the exponent apart, so that ln is right near 1. */
  logOf: /* wgsl */ `
fn logOf(x: f32) -> f32 {
  let own = bitcast<u32>(x);
  // Below the normal numbers x is a whole number of 2^-149; a GPU may take them for zero wherever it computes with them.
  let tiny = own < 0x800000u;
  let bits = bitcast<i32>(select(own, bitcast<u32>(f32(own)), tiny)) - 0x3f3504f3;
  let k = f32(bits >> 23) - select(0.0, 149.0, tiny);
  let f = bitcast<f32>((bits & 0x7fffff) + 0x3f3504f3) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let p = z * fma(fma(0.298737185, z, 0.399774745), z, 0.666667765);
  let tail = s * (f - p) + k * 2.12194440055e-4;
  let y = fma(k, 0.693359375, f - tail);
  if ((own & 0x7fffffffu) == 0u) { return -infinity(); }
  if (own >= 0x80000000u) { return nan(); }
  return select(y, x, own >= 0x7f800000u);
}`,
  tanhOf: /* wgsl */ `
fn tanhOf(x: f32) -> f32 {
  let c = clamp(x, -9.02, 9.02);
  let z = c * c;
  let p = fma(fma(fma(fma(1.3319199e-8, z, 2.05835843e-5), z, 3.49404131e-3), z, 0.133797238), z, 1.0);
  let q = fma(fma(fma(fma(7.76207479e-7, z, 3.28310354e-4), z, 2.5871099e-2), z, 0.46713039), z, 1.0);
  return select(clamp(c * p / q, -1.0, 1.0), x, isNan(x));
}`,
  sigmoidOf: /* wgsl */ `
fn sigmoidOf(x: f32) -> f32 {
  let e = expOf(-abs(x));
  let r = 1.0 / (1.0 + e);
  return select(r, e * r, x < 0.0);
}`,
  /** d silu(x)/dx = s + x s (1 - s); the limits of x make 0 and 1 of what would be infinity times 0. */
  siluSlope: /* wgsl */ `
fn siluSlope(x: f32) -> f32 {
  let c = clamp(x, -200.0, 200.0);
  let s = sigmoidOf(c);
  return select(s * (1.0 + c * (1.0 - s)), x, isNan(x));
}`,
  /** -dz z / y: divides first where that stays among the normal numbers, else multiplies first. */
  divSlope: /* wgsl */ `
fn divSlope(dz: f32, z: f32, y: f32) -> f32 {
  let q = z / y;
  let size = bitcast<u32>(q) & 0x7fffffffu;
  return -select(dz * z / y, dz * q, size >= 0x00800000u && size < 0x7f800000u);
}`,
  /** dz y x^(y-1), in two halves where the power leaves the normal numbers and x is neither 0 nor infinite; 0 where y is. */
  powSlope: /* wgsl */ `
fn powSlope(dz: f32, x: f32, y: f32) -> f32 {
  if (y == 0.0) { return 0.0; }
  var p = powOf(x, y - 1.0);
  // From 2^24 on every y is even and y - 1 odd, which float32 rounds away.
  if (x < 0.0 && abs(y) >= 16777216.0 && abs(y) < infinity()) { p = -abs(p); }
  let bits = bitcast<u32>(p);
  let size = bits & 0x7fffffffu;
  if ((size >= 0x00800000u && size != 0x7f800000u) || x == 0.0 || abs(x) == infinity()) { return dz * (y * p); }
  let half = powOf(abs(x), 0.5 * (y - 1.0));
  // The power is finite, however large: nothing from above gives nothing.
  let product = select(dz * half * y * half, 0.0, dz == 0.0);
  return select(product, -product, (bits >> 31u) == 1u);
}`,
  /** Towards zero; NaN gives 0 and what is too large the nearest int32, as WebAssembly's trunc_sat. */
  toInt: /* wgsl */ `
fn toInt(x: f32) -> i32 {
  let low = select(i32(x), i32(-2147483648), x <= -2147483648.0);
  return select(select(low, 2147483647, x >= 2147483648.0), 0, isNan(x));
}`,
  /** The rest of x / y with the sign of x, exactly: mantissas of 24 bits, divided eight bits of the quotient at a time. */
  fmodOf: /* wgsl */ `
fn fmodOf(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if (b == 0u || b > 0x7f800000u || a >= 0x7f800000u) { return nan(); }
  if (a < b) { return x; }
  let low = max(b >> 23u, 1u);
  var more = max(a >> 23u, 1u) - low;
  let divisor = select((b & 0x7fffffu) | 0x800000u, b, b < 0x800000u);
  var rest = select((a & 0x7fffffu) | 0x800000u, a, a < 0x800000u) % divisor;
  while (more > 0u) {
    let bits = min(more, 8u);
    rest = (rest << bits) % divisor;
    more -= bits;
  }
  // As far to the left as the exponent of y allows.
  let up = min(countLeadingZeros(rest | 1u) - 8u, low - 1u);
  let mantissa = rest << up;
  let size = select(mantissa, (mantissa & 0x7fffffu) | ((low - up) << 23u), mantissa >= 0x800000u);
  return fromBits((bitcast<u32>(x) & 0x80000000u) | size);
}`,
  softplusOf: /* wgsl */ `
fn softplusOf(x: f32) -> f32 {
  let e = expOf(-abs(x));
  let s = e / (e + 2.0);
  let z = s * s;
  let p = fma(fma(fma(0.280244328, z, 0.279991466), z, 0.400216989), z, 0.666664132);
  return fma(s, fma(p, z, 2.0), select(x, 0.0, x < 0.0));
}`,
  /** W(a)^16, where W^-16 = erfc(a / sqrt 2) for 0 <= a <= 6. */
  tailPower: /* wgsl */ `
fn tailPower(a: f32) -> f32 {
  var w = fma(1.47472079e-7, a, -9.91946649e-7);
  w = fma(fma(fma(w, a, 6.79480399e-6), a, 5.24518582e-5), a, 2.57127776e-5);
  w = fma(fma(fma(w, a, 3.29023926e-3), a, 2.11359728e-2), a, 4.98679578e-2);
  w = fma(w, a, 1.0);
  w *= w; w *= w; w *= w;
  return w * w;
}`,
  erfOf: /* wgsl */ `
fn erfOf(x: f32) -> f32 {
  let far = 1.0 - 1.0 / tailPower(min(abs(x) * 1.41421356, 6.0));
  let z = x * x;
  var p = fma(fma(-6.74960487e-4, z, 5.11435977e-3), z, -2.68346326e-2);
  p = fma(fma(fma(p, z, 0.112833768), z, -0.376126188), z, 1.12837917);
  return select(select(select(far, -far, x < 0.0), x * p, abs(x) <= 0.75), x, isNan(x));
}`,
  /** x Phi(x) = max(x, 0) - |x| (1 - Phi(|x|)); NaN at -infinity, like the definition. */
  geluOf: /* wgsl */ `
fn geluOf(x: f32) -> f32 {
  let a = min(abs(x), 6.0);
  let y = max(x, 0.0) - 0.5 * a / tailPower(a);
  return select(y, nan(), isNan(x) || x == -infinity());
}`,
  geluSlope: /* wgsl */ `
fn geluSlope(x: f32) -> f32 {
  let a = min(abs(x), 6.0);
  var s = fma(fma(-1.12882544e-5, a, 1.44192643e-4), a, -5.80621010e-4);
  s = fma(fma(fma(s, a, -8.73789366e-4), a, 2.00179536e-2), a, -1.09404147e-1);
  s = fma(fma(fma(s, a, -6.36537015e-1), a, -7.97890246e-1), a, 1.0);
  s = 0.5 * s / tailPower(a);
  return select(select(1.0 - s, s, x < 0.0), x, isNan(x));
}`,
  /** x / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3). */
  geluTanhOf: /* wgsl */ `
fn geluTanhOf(x: f32) -> f32 {
  let c = clamp(x, -9.0, 9.0);
  let e = expOf(c * fma(c * c, -0.0713548163, -1.59576912));
  let y = max(x, -9.0) / (e + 1.0);
  return select(y, nan(), isNan(x) || x == -infinity());
}`,
  geluTanhSlope: /* wgsl */ `
fn geluTanhSlope(x: f32) -> f32 {
  let c = clamp(x, -9.0, 9.0);
  let z = c * c;
  let e = expOf(c * fma(z, -0.0713548163, -1.59576912));
  let s = 1.0 / (1.0 + e);
  let y = fma(e * s * s * c, fma(z, 0.214064449, 1.59576912), s);
  return select(y, x, isNan(x));
}`,
  /** sin x = (-1)^n sin r, x = n pi + r: pi in three parts, so that r is right up to |x| of about 10^5. */
  sinOf: /* wgsl */ `
fn sinOf(x: f32) -> f32 {
  let n = round(x * 0.318309886);
  let r = fma(n, -1.50995799e-7, fma(n, -9.67502593e-4, fma(n, -3.140625, x)));
  let z = r * r;
  var p = fma(fma(fma(-2.3889859e-8, z, 2.7525562e-6), z, -1.9840874e-4), z, 8.3333310e-3);
  p = fma(p, z, -0.16666667);
  // Far out little is left of the turn, but no value beyond 1.
  let y = clamp(fma(r * z, p, r), -1.0, 1.0);
  let odd = (i32(n) & 1) == 1;
  return select(select(y, -y, odd), nan(), !(abs(x) < infinity()));
}`,
  cosOf: /* wgsl */ `
fn cosOf(x: f32) -> f32 {
  // cos x = sin(x + pi/2), with the half turn taken in n.
  let n = floor(x * 0.318309886) + 0.5;
  let r = fma(n, -1.50995799e-7, fma(n, -9.67502593e-4, fma(n, -3.140625, x)));
  let z = r * r;
  var p = fma(fma(fma(-2.3889859e-8, z, 2.7525562e-6), z, -1.9840874e-4), z, 8.3333310e-3);
  p = fma(p, z, -0.16666667);
  // Far out little is left of the turn, but no value beyond 1.
  let y = clamp(fma(r * z, p, r), -1.0, 1.0);
  let odd = (i32(n - 0.5) & 1) == 1;
  return select(select(-y, y, odd), nan(), !(abs(x) < infinity()));
}`,
  /** x^y as torch has it: a negative x takes whole y only. */
  powOf: /* wgsl */ `
fn powOf(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (isNan(x) || isNan(y)) { return nan(); }
  // Exact, where the logarithm of the largest number rounds up.
  if (y == 1.0) { return x; }
  let a = abs(x);
  let whole = floor(y) == y;
  // Above 2^24 every float is even.
  let odd = whole && abs(y) < 16777216.0 && (i32(y) & 1) == 1;
  var p = expOf(y * logOf(a));
  if (a == 0.0) { p = select(0.0, infinity(), y < 0.0); }
  if (a == 1.0) { p = 1.0; }
  if (abs(y) == infinity() && a != 1.0) { p = select(0.0, infinity(), (a > 1.0) == (y > 0.0)); }
  else if (a == infinity()) { p = select(0.0, infinity(), y > 0.0); }
  if (x < 0.0 && !whole && a != infinity()) { return nan(); }
  let negative = (bitcast<u32>(x) >> 31) == 1u;
  return select(p, -p, negative && odd);
}`,
};

/** The functions that a piece of WGSL calls, with those that they call. */
export const mathFor = (wgsl: string): string => {
  const used = new Set<string>();
  const visit = (text: string): void => {
    for (const [name, body] of Object.entries(functions)) {
      if (used.has(name) || !new RegExp(`\\b${name}\\(`).test(text)) continue;
      used.add(name);
      visit(body);
    }
  };
  visit(wgsl);
  return [...used].map((name) => functions[name]).join("\n");
};
