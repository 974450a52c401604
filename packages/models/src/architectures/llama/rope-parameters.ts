import type { RotaryScaling } from "@tessera/nn";

/** Where a configuration says how positions turn: as transformers 5 writes it, and as version 4 did. */
export interface RopeOptions {
  readonly ropeParameters: { readonly [key: string]: unknown } | null;
  readonly ropeTheta: number | null;
  readonly ropeScaling: { readonly [key: string]: unknown } | null;
}

/** Hugging Face's default. */
const THETA = 10000;

/** The numbers that a type needs. */
const NUMBERS: { readonly [type: string]: readonly string[] } = {
  default: [],
  linear: ["factor"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
};

const readRope = ({ ropeParameters, ropeTheta, ropeScaling }: RopeOptions) => {
  const source = ropeParameters ?? ropeScaling ?? {};
  const named = source.rope_type ?? source.type ?? "default";
  const type = typeof named === "string" ? named : "";
  return { source, type, theta: source.rope_theta ?? ropeTheta ?? THETA };
};

/** What was expected of rotary positions, where something else came; `null` where they are fine. */
export const ropeFault = (options: RopeOptions): string | null => {
  const { source, type, theta } = readRope(options);
  const numbers = NUMBERS[type];
  if (!numbers) return `of rope_type ${Object.keys(NUMBERS).join(", ")}`;
  const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0 && Number.isFinite(value);
  if (!isPositive(theta)) return "with a rope_theta > 0";
  const missing = numbers.filter((key) => !isPositive(source[key]));
  if (missing.length > 0) return `of rope_type ${type} with a number > 0 for ${missing.join(", ")}`;
  return null;
};

/** The base of the wavelengths and how they are scaled, of options without a fault. */
export const ropeOf = (
  options: RopeOptions,
): { readonly theta: number; readonly scaling: RotaryScaling | undefined } => {
  const { source, type, theta } = readRope(options);
  const number = (key: string): number => source[key] as number;
  const scaling: RotaryScaling | undefined =
    type === "linear"
      ? { type, factor: number("factor") }
      : type === "llama3"
        ? {
            type,
            factor: number("factor"),
            lowFreqFactor: number("low_freq_factor"),
            highFreqFactor: number("high_freq_factor"),
            originalMaxPositionEmbeddings: number("original_max_position_embeddings"),
          }
        : undefined;
  return { theta: theta as number, scaling };
};
