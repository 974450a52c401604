/** A layer by its exact path, or layers whose whole path matches. */
export type LayerPattern = RegExp | string;

/** Whether a pattern matches a whole path: layer.1 is not layer.10. */
export const matchesLayer = (pattern: LayerPattern, name: string): boolean =>
  typeof pattern === "string"
    ? pattern === name
    : new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, "")).test(name);

/** A layer's path as a pattern, with numbers left open and what has a meaning in patterns escaped. */
export const patternOf = (name: string): RegExp =>
  new RegExp(
    name
      .split(".")
      .map((part) => (/^\d+$/.test(part) ? "[0-9]+" : part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")))
      .join("\\."),
  );

/** A pattern in a message. */
export const showPattern = (pattern: LayerPattern): string =>
  typeof pattern === "string" ? `"${pattern}"` : String(pattern);
