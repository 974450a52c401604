/** How far a window reaches. */
export const spanOf = (size: number, dilation: number): number => dilation * (size - 1) + 1;

/** How many windows of that span start within `n` elements; below 1 when none fits. */
export const countWindows = (n: number, span: number, step: number): number => Math.floor((n - span) / step) + 1;
