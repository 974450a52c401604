import { classNameOf } from "./class-name.ts";
import { childrenOf } from "./module-tree.ts";
import type { Module } from "./module.ts";

/** A module and what is in it, in torch's form. Equal neighbours in a list are printed once, with their count. */
export const showModule = (module: Module): string => {
  const name = classNameOf(module);
  const extra = module.extraRepr();
  const lines = grouped(
    childrenOf(module).map(([key, child]) => ({ first: key, last: key, count: 1, text: showModule(child) })),
  );
  if (lines.length === 0) return `${name}(${extra})`;
  const children = lines.map(({ first, last, count, text }) => {
    const key = count === 1 ? `(${first})` : `(${first}-${last})`;
    return indent(`${key}: ${count === 1 ? "" : `${count} x `}${text}`);
  });
  return [`${name}(`, ...(extra === "" ? [] : [indent(extra)]), ...children, ")"].join("\n");
};

interface Line {
  readonly first: string;
  readonly last: string;
  readonly count: number;
  readonly text: string;
}

const isIndex = (key: string): boolean => /^\d+$/.test(key);

const grouped = (lines: readonly Line[]): Line[] => {
  const out: Line[] = [];
  for (const line of lines) {
    const before = out.at(-1);
    if (before && before.text === line.text && isIndex(before.last) && isIndex(line.first))
      out[out.length - 1] = { ...before, last: line.last, count: before.count + 1 };
    else out.push(line);
  }
  return out;
};

const indent = (text: string): string => text.replace(/^/gm, "  ");
