/** 1,234,567 as 1.2 M: for tiles, where digits beyond the third are noise. */
export const short = (n: number): string => {
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)} M`;
  if (n >= 1e4) return `${(n / 1e3).toPrecision(3)} k`;
  return Math.round(n).toLocaleString("en-US");
};

export const bytes = (n: number): string =>
  n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.round(n / 1e3).toLocaleString("en-US")} kB`;

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

export const median = (values: readonly number[]): number => {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** `roberta.encoder.layer.0.attention.output.dense` as the page calls it. */
export const layerTitle = (path: string): string => {
  const [, layer, rest] = /\.layer\.(\d+)\.(.*)$/.exec(path) ?? [];
  const names: Record<string, string> = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention out",
    "intermediate.dense": "feed-forward in",
    "output.dense": "feed-forward out",
  };
  if (layer === undefined || rest === undefined) return path.startsWith("lm_head") ? "head" : path;
  return `${Number(layer) + 1} · ${names[rest] ?? rest}`;
};
