/** Text that is HTML already: `html` leaves it as it is. */
export class Markup {
  constructor(private readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

type Value = Markup | string | number | readonly Value[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML: nothing in it is a tag or ends an attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!);

const show = (value: Value): string => {
  if (value instanceof Markup) return value.toString();
  if (typeof value === "object") return value.map(show).join("");
  return escapeHtml(String(value));
};

/**
 * HTML from a template: what is put in is escaped, unless it is markup itself. Lists are joined.
 *
 * @example
 * html`<li>${"a < b"}</li>`.toString(); // "<li>a &lt; b</li>"
 */
export const html = (strings: TemplateStringsArray, ...values: Value[]): Markup =>
  new Markup(strings.map((string, i) => (i === 0 ? string : show(values[i - 1]!) + string)).join(""));
