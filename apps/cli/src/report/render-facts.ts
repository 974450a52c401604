import { html, type Markup } from "./markup.ts";

/** Names and values under each other, such as the conditions of a measurement. */
export const renderFacts = (facts: readonly (readonly [name: string, value: string])[]): Markup =>
  html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
