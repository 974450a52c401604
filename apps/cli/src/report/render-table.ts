import { html, type Markup } from "./markup.ts";

/** One column of a table: its title, and how it shows a row. */
export interface TableColumn<Row> {
  title: string;
  value: (row: Row) => string | Markup;
  /** Aligns the column to the right. */
  numeric?: boolean;
}

/**
 * Makes an HTML table.
 *
 * @param isStrong which rows are in bold; none by default
 *
 * @example
 * renderTable(
 *   [{ title: "model", value: (row: { name: string; loss: number }) => row.name },
 *    { title: "loss", value: (row) => row.loss.toFixed(2), numeric: true }],
 *   [{ name: "dense", loss: 1.5 }, { name: "sparse", loss: 1.6 }],
 *   ({ loss }) => loss < 1.6,
 * );
 */
export const renderTable = <Row>(
  columns: readonly TableColumn<Row>[],
  rows: readonly Row[],
  isStrong: (row: Row) => boolean = () => false,
): Markup => {
  const side = ({ numeric }: TableColumn<Row>): string => (numeric ? "number" : "text");
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th class="${side(column)}" scope="col">${column.title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr class="${isStrong(row) ? "strong" : "plain"}">
              ${columns.map((column) => html`<td class="${side(column)}">${column.value(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
};
