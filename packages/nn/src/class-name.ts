/**
 * The name of a value's class, as its source calls it: esbuild, and what stands on it, calls a class that names itself in its body `_Name`.
 */
export const classNameOf = (value: object): string => value.constructor.name.replace(/^_(?=[A-Z])/, "");
