/** Colours that the page defines for light and for dark, told apart by colour-blind readers too. */
const names = ["--blue", "--orange", "--green", "--violet"] as const;

/** The colour of the i-th series, as CSS. */
export const seriesColor = (index: number): string => `var(${names[index % names.length]})`;
