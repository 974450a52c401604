/** A value of a table of commas: a number as it is, anything else as text, an absent one as nothing. */
export type CsvValue = string | number | boolean | undefined;

const quote = (value: CsvValue): string => {
  const text = value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Writes a table as CSV with a head, lines ending in CR LF. {@link https://www.rfc-editor.org/rfc/rfc4180 RFC 4180} */
export const formatCsv = (columns: readonly string[], rows: readonly (readonly CsvValue[])[]): string =>
  [columns, ...rows].map((row) => `${row.map(quote).join(",")}\r\n`).join("");
