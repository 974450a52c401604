import { html, type Markup } from "./markup.ts";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string | Markup;
  /** Numbers stand on the right. */
  numeric?: boolean;
}

/** A table. `strong` marks the rows that carry the message. */
export const table = <Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  strong: (row: Row) => boolean = () => false,
): Markup => {
  const side = ({ numeric }: Column<Row>): string => (numeric ? "number" : "text");
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
            html`<tr class="${strong(row) ? "strong" : "plain"}">
              ${columns.map((column) => html`<td class="${side(column)}">${column.value(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
};
