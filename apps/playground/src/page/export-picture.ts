import type { LayerBlocks } from "../engine/protocol.ts";
import { gridOf, sharesOf } from "./block-grid.ts";
import { colourAt, rampOf } from "./colours.ts";
import { layerTitle } from "./format.ts";
import { darkMode } from "./media.ts";
import { shade } from "./mosaics.tsx";
import { cells, mosaic } from "./store.ts";

export const pictures = ["mosaic", "loss", "sweep"] as const;
export type Picture = (typeof pictures)[number];

const SVG = "http://www.w3.org/2000/svg";
const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const open = (width: number, height: number): string => {
  const { backgroundColor, color } = getComputedStyle(document.body);
  return `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="${color}"><rect width="100%" height="100%" fill="${backgroundColor}"/>`;
};

/** Pixels of a block, and of what is around a layer. */
const CELL = 6;
const MARGIN = 24;

const mosaicPicture = (layers: readonly LayerBlocks[], step: number): string => {
  const ramp = rampOf(shade.value, darkMode.value);
  let top = MARGIN;
  let widest = 0;
  const parts = layers.map((layer) => {
    const { across, down, at } = gridOf(layer);
    const shares = sharesOf(layer, shade.value, step);
    let tiles = "";
    for (let y = 0; y < down; y++)
      for (let x = 0; x < across; x++)
        if (layer.mask[at(x, y)])
          tiles += `<rect x="${x * CELL}" y="${y * CELL}" width="${CELL - 1}" height="${CELL - 1}" fill="${colourAt(ramp, shares[at(x, y)]!)}"/>`;
    const part = `<text x="${MARGIN}" y="${top - 6}">${escape(layerTitle(layer.name))}</text><g transform="translate(${MARGIN} ${top})">${tiles}</g>`;
    top += down * CELL + MARGIN + 8;
    widest = Math.max(widest, across * CELL);
    return part;
  });
  return `${open(widest + 2 * MARGIN, top)}${parts.join("")}</svg>`;
};

/** A chart of the page as it is, with the colours that its style sheet gives it. */
const chartPicture = (): string | null => {
  const svg = document.querySelector<SVGSVGElement>('[data-export="loss"] svg');
  if (!svg) return null;
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const style = getComputedStyle(document.body);
  copy.setAttribute("xmlns", SVG);
  copy.style.background = style.backgroundColor;
  return new XMLSerializer()
    .serializeToString(copy)
    .replace(/var\((--[a-z-]+)\)/g, (_, name: string) => style.getPropertyValue(name).trim());
};

const sweepPicture = (): string | null => {
  if (cells.value.length === 0) return null;
  const layers = [...new Set(cells.value.map(({ layer }) => layer))];
  const densities = [...new Set(cells.value.map(({ density }) => density))];
  const max = Math.max(0.02, ...cells.value.map(({ added }) => added));
  const [left, width, height] = [150, 80, 28];
  const dark = darkMode.value;
  const parts = cells.value.map(({ layer, density, added }) => {
    const [x, y] = [left + densities.indexOf(density) * width, 40 + layers.indexOf(layer) * height];
    const share = Math.max(0, added) / max;
    return `<rect x="${x}" y="${y}" width="${width - 2}" height="${height - 2}" fill="${colourAt(rampOf("gradient", dark), share)}"/><text x="${x + width / 2}" y="${y + 18}" text-anchor="middle" fill="${share > 0.45 !== dark ? "#fff" : "#10131a"}">${added.toFixed(3)}</text>`;
  });
  const rows = layers.map((layer, i) => `<text x="12" y="${58 + i * height}">${escape(layerTitle(layer))}</text>`);
  const cols = densities.map(
    (density, i) => `<text x="${left + (i + 0.5) * width}" y="28" text-anchor="middle">${100 * density} %</text>`,
  );
  return `${open(left + densities.length * width + 12, 52 + layers.length * height)}${[...rows, ...cols, ...parts].join("")}</svg>`;
};

const draw: Record<Picture, () => string | null> = {
  mosaic: () => (mosaic.value ? mosaicPicture(mosaic.value.layers, mosaic.value.step) : null),
  loss: chartPicture,
  sweep: sweepPicture,
};

/** Twice as many pixels as the page has. */
const toPng = async (svg: string): Promise<Blob | null> => {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.naturalWidth, 2 * image.naturalHeight];
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/png"));
  } finally {
    URL.revokeObjectURL(image.src);
  }
};

/** A picture of what is on the page. @throws Error when there is nothing to draw yet */
export const exportPicture = async (picture: Picture, format: "svg" | "png"): Promise<Blob | null> => {
  const svg = draw[picture]();
  if (svg === null)
    throw new Error(picture === "sweep" ? "There is no sweep yet: press “Find out”." : "There is nothing to draw yet.");
  return format === "svg" ? new Blob([svg], { type: "image/svg+xml" }) : toPng(svg);
};
