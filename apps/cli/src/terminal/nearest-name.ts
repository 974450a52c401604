/** Edits (insert, delete, replace a letter) that make one text of the other: Levenshtein's distance. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    row = next;
  }
  return row[b.length]!;
};

/** Of some names the one that was perhaps meant. */
export const nearestName = (name: string, names: readonly string[]): string =>
  names.toSorted((a, b) => distance(name, a) - distance(name, b))[0]!;
