/** CSS variables that `renderPage` defines for light and dark pages. Colour-blind readers can tell them apart. */
const names = ["--blue", "--orange", "--green", "--violet"] as const;

/**
 * The colour of the series with an index, as a CSS value for use inside `renderPage`. After four colours they repeat.
 *
 * @example
 * seriesColor(1); // "var(--orange)"
 */
export const seriesColor = (index: number): string => `var(${names[index % names.length]})`;
