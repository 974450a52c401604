import { join } from "node:path";
import { openFolder } from "@tessera/models";
import { makeFolder } from "../run-folder/make-folder.ts";
import type { Report } from "../sweep-report/sweep-report.ts";
import { toFileName, toSvgFile } from "./figure-files.ts";

/** Writes a report into a folder: `report.html`, `report.md`, a table as CSV, and a folder of pictures. Resolves to the page's path. */
export const writeReport = async (folder: string, report: Report, table: string): Promise<string> => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const pictures = report.figures.map(
    ({ title, markup }) => [`${toFileName(title)}.svg`, encode(toSvgFile(markup))] as const,
  );
  await makeFolder(join(folder, "figures"));
  if (pictures.length > 0) await (await openFolder(join(folder, "figures"))).write(new Map(pictures));
  const list = report.figures.map(({ title }) => `![${title}](figures/${toFileName(title)}.svg)\n`).join("\n");
  await (
    await openFolder(folder)
  ).write(
    new Map([
      ["report.html", encode(report.html)],
      ["report.md", encode(`${report.markdown}${list === "" ? "" : `\n## Pictures\n\n${list}`}`)],
      [table, encode(report.csv)],
    ]),
  );
  return join(folder, "report.html");
};
