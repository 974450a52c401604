/** 2/√π. */
const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/**
 * erf(x) to float64 accuracy: its power series near zero, and the continued fraction of erfc in the tails (Abramowitz and
 * Stegun 7.1.5 and 7.1.14).
 */
export const erf = (x: number): number => {
  if (Number.isNaN(x)) return NaN;
  const z = Math.abs(x);
  return Math.sign(x) * (z < 2.5 ? series(z) : 1 - erfcTail(z));
};

/** erf z = 2/√π · e^(−z²) · Σ 2ⁿ z^(2n+1) / (1·3·…·(2n+1)): all terms positive, so nothing cancels. */
const series = (z: number): number => {
  let term = z;
  let sum = z;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_SQRT_PI * Math.exp(-z * z) * sum;
};

/** erfc z = e^(−z²)/√π · 1/(z + ½/(z + 1/(z + 3⁄2/(z + …)))), from the inside out. */
const erfcTail = (z: number): number => {
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction;
};

/** C's and torch's, where JavaScript has NaN: 1^NaN = 1, (−1)^±∞ = 1. */
export const power = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);
