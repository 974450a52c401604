/**
 * A piece of HTML. `html` inserts it unchanged, where any other text is escaped.
 *
 * @example
 * new Markup("<br>").toString(); // "<br>"
 */
export class Markup {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** What `html` can insert: markup as it is, text and numbers escaped, lists joined. */
export type MarkupValue = Markup | string | number | readonly MarkupValue[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Escapes text for HTML: the result holds no tag and does not end an attribute.
 *
 * @example
 * escapeHtml("a < b"); // "a &lt; b"
 */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!);

const renderValue = (value: MarkupValue): string => {
  if (value instanceof Markup) return value.toString();
  if (typeof value === "object") return value.map(renderValue).join("");
  return escapeHtml(String(value));
};

/**
 * Makes markup from a template literal. Inserted text is escaped, inserted markup is kept, lists are joined.
 *
 * @example
 * html`<li>${"a < b"}</li>`.toString(); // "<li>a &lt; b</li>"
 */
export const html = (strings: TemplateStringsArray, ...values: MarkupValue[]): Markup =>
  new Markup(strings.map((string, i) => (i === 0 ? string : renderValue(values[i - 1]!) + string)).join(""));
