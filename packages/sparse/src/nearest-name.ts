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

/** Of some names the one that was perhaps meant, as words to end a message with; all of them, where there are few. */
export const suggestName = (name: string, names: readonly string[]): string => {
  const [nearest] = names.toSorted((a, b) => distance(name, a) - distance(name, b));
  if (nearest === undefined) return "there is none";
  return `did you mean ${nearest}?${names.length <= 12 ? ` There are ${names.join(", ")}` : ""}`;
};
