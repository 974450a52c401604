/** A package may import any package to its right and none to its left. */
export declare const arrow: readonly string[];
/** Applications: they may import every package, and no package may import them. */
export declare const apps: readonly string[];
/** Packages that `name` may import. */
export declare const mayImport: (name: string) => string[];
/** Options of `no-restricted-imports`: an import that matches `regex` is refused with `message`. */
export interface Pattern {
  regex: string;
  message: string;
}
export declare const layerPatterns: (name: string) => Pattern[];
export declare const appPatterns: (name: string) => Pattern[];
