export interface TextColumn<Row> {
  title: string;
  value: (row: Row) => string;
  /** Numbers stand on the right. */
  numeric?: boolean;
}

/** A table for a terminal: two spaces between columns, nothing behind the last. The first line is the head. */
export const formatTextTable = <Row>(columns: readonly TextColumn<Row>[], rows: readonly Row[]): string[] => {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ value }) => value(row)))];
  const widths = columns.map((_, c) => cells.reduce((width, line) => Math.max(width, line[c]!.length), 0));
  return cells.map((line) =>
    line
      .map((cell, c) => (columns[c]!.numeric ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join("  ")
      .trimEnd(),
  );
};
