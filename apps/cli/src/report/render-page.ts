import { html, Markup } from "./markup.ts";

/** The style of every report, light or dark as the reader's system is. It loads nothing from the network. */
const style = new Markup(`
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1c2430;--faint:#667085;--line:#e4e2dc;
--blue:#2563c9;--orange:#c2570c;--green:#11795a;--violet:#7a4fc4;--grey:#98a0ac;--good:#11795a;--bad:#b42318;--better:#1d5fb8;--worse:#b8500c}
@media(prefers-color-scheme:dark){:root{--paper:#12161d;--card:#1a1f28;--ink:#e7eaef;--faint:#9aa4b2;--line:#2b323d;
--blue:#78a9ff;--orange:#ff9f5a;--green:#4fc99a;--violet:#b79cff;--grey:#6f7885;--good:#4fc99a;--bad:#ff8a7a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.01em}
h2{font-size:19px;margin:44px 0 12px}
p{margin:0 0 12px;max-width:72ch}
.lead{font-size:18px;color:var(--faint)}
.scroll+.faint,.charts+.faint{margin-top:12px}
.faint{color:var(--faint);font-size:14px}
a{color:var(--blue)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:24px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:26px;line-height:1.2;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile span{color:var(--faint);font-size:14px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;min-width:0}
figure svg{display:block;max-width:100%;height:auto;background:none}
figcaption{font-weight:600;margin-bottom:8px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:14px;margin:0 0 4px}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.mosaics{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}
.mosaic svg{fill:var(--blue);overflow:visible}
.mosaic figcaption{font-weight:400;font-size:13px;line-height:1.45;color:var(--faint);margin:10px 0 0}
.mosaic strong{color:var(--ink)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:9px 14px;text-align:left;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--faint);font-weight:600;font-size:14px}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:0 0 16px;font-size:14px}
.facts dt{color:var(--faint)}
.facts dd{margin:0;overflow-wrap:anywhere}
.pair{display:flex;flex-wrap:wrap;gap:12px}
.number{text-align:right}
.strong td{font-weight:600}
summary{cursor:pointer;color:var(--faint);margin-bottom:12px}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;overflow-x:auto;margin:0 0 12px}
footer{margin-top:48px;padding-top:16px;border-top:1px solid var(--line)}
`);

/**
 * Makes a complete HTML document that needs no other file and no script.
 *
 * @example
 * renderPage("Losses", html`<h1>Losses</h1>`); // "<!doctype html>…"
 */
export const renderPage = (title: string, body: Markup): string =>
  `<!doctype html>\n${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${title}</title>
      <style>
        ${style}
      </style>
    </head>
    <body>
      <main>${body}</main>
    </body>
  </html>`.toString()}\n`;

/** A number to show in large type, and what it counts. */
export interface Tile {
  value: string;
  label: string;
}

/**
 * Shows numbers in large type, each with its label below.
 *
 * @example
 * renderTiles([{ value: "71.6 %", label: "accuracy" }]);
 */
export const renderTiles = (entries: readonly Tile[]): Markup =>
  html`<div class="tiles">
    ${entries.map(({ value, label }) => html`<div class="tile"><b>${value}</b><span>${label}</span></div>`)}
  </div>`;
