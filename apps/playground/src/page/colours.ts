/** What the colour of a block says. */
export const shades = {
  norm: { title: "Norm", low: "weak weights", high: "strong weights" },
  gradient: { title: "Gradient", low: "the loss hardly cares", high: "the loss cares most" },
  age: { title: "Age", low: "just grown", high: "there from the start" },
} as const;

export type Shade = keyof typeof shades;
type Rgb = readonly [number, number, number];

/** Stops from low to high, on light pages and on dark ones: lightness runs one way, so that they read without colour too. */
const ramps: Record<Shade, { readonly light: readonly Rgb[]; readonly dark: readonly Rgb[] }> = {
  norm: {
    light: [
      [229, 220, 190],
      [122, 190, 176],
      [38, 120, 152],
      [24, 42, 98],
    ],
    dark: [
      [38, 56, 92],
      [36, 112, 148],
      [98, 190, 170],
      [250, 236, 170],
    ],
  },
  gradient: {
    light: [
      [240, 222, 206],
      [240, 160, 104],
      [206, 72, 58],
      [96, 16, 62],
    ],
    dark: [
      [70, 34, 62],
      [168, 52, 72],
      [240, 128, 82],
      [255, 230, 160],
    ],
  },
  age: {
    light: [
      [214, 66, 140],
      [226, 140, 96],
      [150, 160, 120],
      [64, 84, 104],
    ],
    dark: [
      [255, 120, 190],
      [236, 160, 110],
      [130, 150, 130],
      [84, 104, 132],
    ],
  },
};

const STEPS = 64;

const mix = (stops: readonly Rgb[], share: number): string => {
  const at = share * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const rest = at - low;
  const channel = (i: 0 | 1 | 2): number => Math.round(stops[low]![i] * (1 - rest) + stops[low + 1]![i] * rest);
  return `rgb(${channel(0)} ${channel(1)} ${channel(2)})`;
};

const made = new Map<string, readonly string[]>();

/** The colours of a shade from low to high. */
export const rampOf = (shade: Shade, dark: boolean): readonly string[] => {
  const key = `${shade}${dark}`;
  let ramp = made.get(key);
  if (!ramp) {
    const stops = ramps[shade][dark ? "dark" : "light"];
    made.set(key, (ramp = Array.from({ length: STEPS }, (_, i) => mix(stops, i / (STEPS - 1)))));
  }
  return ramp;
};

/** The colour of a share from 0 to 1. */
export const colourAt = (ramp: readonly string[], share: number): string =>
  ramp[Math.max(0, Math.min(STEPS - 1, Math.round(share * (STEPS - 1))))]!;
