/** A finished table: text for people, records for programs. */
export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
  readonly records: readonly object[];
}

/** How a column shows a record. */
export interface Column<R> {
  readonly label: string;
  readonly cell: (record: R) => string;
}

export const makeTable = <R extends object>(
  title: string,
  records: readonly R[],
  columns: readonly Column<R>[],
  notes: readonly string[] = [],
): Table => ({
  title,
  header: columns.map(({ label }) => label),
  rows: records.map((record) => columns.map(({ cell }) => cell(record))),
  notes,
  records,
});

/** The first column to the left, the numbers to the right. */
const aligned = ({ header, rows }: Table): string[][] => {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))),
  );
};

export const textOf = (table: Table): string => {
  const [header, ...rows] = aligned(table).map((line) => line.join("  "));
  return [
    table.title,
    "",
    header!,
    "─".repeat(header!.length),
    ...rows,
    ...table.notes.map((note) => `  ${note}`),
    "",
  ].join("\n");
};

export const markdownOf = (table: Table): string => {
  const [header, ...rows] = aligned(table).map((line) => `| ${line.join(" | ")} |`);
  const rule = `|${table.header.map((_, column) => (column === 0 ? " --- " : " ---: ")).join("|")}|`;
  const notes = table.notes.map((note) => `- ${note}`);
  return [`## ${table.title}`, "", header!, rule, ...rows, "", ...(notes.length > 0 ? [...notes, ""] : [])].join("\n");
};

/** Three digits that matter. */
export const digits = (value: number): string =>
  !Number.isFinite(value) ? "–" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
