import { html, type Markup } from "./markup.ts";

/** Names series by their colours. */
export const renderLegend = (entries: readonly { name: string; color: string }[]): Markup =>
  html`<p class="legend">
    ${entries.map(({ name, color }) => html`<span><i style="background:${color}"></i>${name}</span> `)}
  </p>`;
