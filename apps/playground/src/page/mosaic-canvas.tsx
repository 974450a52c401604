import { useEffect, useRef, useState } from "preact/hooks";
import type { LayerBlocks } from "../engine/protocol.ts";
import { drawBlocks, gridOf, PASSAGE_MS, type Passage } from "./block-grid.ts";
import type { Shade } from "./colours.ts";
import { layerTitle, percent } from "./format.ts";
import { darkMode, reducedMotion } from "./media.ts";

/** What differs between two masks, as passages that begin now. */
const passagesOf = (before: Uint8Array, after: Uint8Array, start: number): [number, Passage][] => {
  const found: [number, Passage][] = [];
  for (let at = 0; at < after.length; at++)
    if (before[at] !== after[at]) found.push([at, { born: after[at] === 1, start }]);
  return found;
};

const numbers = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** One block in words. */
export const describeBlock = (layer: LayerBlocks, at: number, step: number): string => {
  const [row, col] = [Math.floor(at / layer.cols), at % layer.cols];
  const place = `row ${row + 1}, column ${col + 1}`;
  if (!layer.mask[at]) return `${place}: no block, neither stored nor computed`;
  const born = layer.born[at]!;
  const age = born < 0 ? "there from the start" : `grown ${(step - born).toLocaleString("en-US")} steps ago`;
  return `${place}: norm ${numbers.format(layer.norms[at]!)}, gradient ${numbers.format(layer.gradients[at]!)}, ${age}`;
};

interface MosaicProps {
  readonly layer: LayerBlocks;
  readonly step: number;
  readonly shade: Shade;
  readonly onOpen: (layer: string) => void;
}

/** The blocks of one layer: hover or move with the arrow keys to read a block, press to see the whole layer. */
export const MosaicCanvas = ({ layer, step, shade, onOpen }: MosaicProps) => {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useRef({ mask: layer.mask, size: layer.blockSize, passages: new Map<number, Passage>(), frame: 0 });
  const [cursor, setCursor] = useState<number | null>(null);
  const [width, setWidth] = useState(0);
  const { across, down, at } = gridOf(layer);
  const dark = darkMode.value;

  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width));
    watch.observe(canvas.current!);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    const own = state.current;
    const start = performance.now();
    if (own.size === layer.blockSize && own.mask !== layer.mask && !reducedMotion.value)
      for (const [place, passage] of passagesOf(own.mask, layer.mask, start)) own.passages.set(place, passage);
    if (own.size !== layer.blockSize) own.passages.clear();
    [own.mask, own.size] = [layer.mask, layer.blockSize];
    const element = canvas.current!;
    const pixels = Math.max(1, Math.round(width * devicePixelRatio));
    if (element.width !== pixels) element.width = pixels;
    const height = Math.max(1, Math.round((pixels * down) / across));
    if (element.height !== height) element.height = height;
    const draw = (): void => {
      const now = performance.now();
      for (const [place, passage] of own.passages) if (now - passage.start > PASSAGE_MS) own.passages.delete(place);
      drawBlocks(element, layer, { shade, dark, step, now, passages: own.passages, cursor });
      if (own.passages.size > 0) own.frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(own.frame);
  }, [layer, shade, dark, width, cursor]);

  const pick = (event: { offsetX: number; offsetY: number }): void => {
    const cell = width / across;
    const x = Math.min(across - 1, Math.max(0, Math.floor(event.offsetX / cell)));
    const y = Math.min(down - 1, Math.max(0, Math.floor(event.offsetY / cell)));
    setCursor(at(x, y));
  };
  const move = (event: KeyboardEvent): void => {
    const steps: Record<string, readonly [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const by = steps[event.key];
    if (event.key === "Escape") setCursor(null);
    if (!by) return;
    event.preventDefault();
    for (let y = 0; y < down; y++)
      for (let x = 0; x < across; x++)
        if (at(x, y) === (cursor ?? at(0, 0))) {
          const next: [number, number] = [x + by[0], y + by[1]];
          const inside = next[0] >= 0 && next[0] < across && next[1] >= 0 && next[1] < down;
          return setCursor(cursor === null || !inside ? (cursor ?? at(0, 0)) : at(...next));
        }
  };

  const stored = layer.mask.reduce((sum, one) => sum + one, 0);
  const density = stored / layer.mask.length;
  const name = layerTitle(layer.name);
  return (
    <figure class={`mosaic ${layer.sparse ? "sparse" : "dense"}`} style={{ flexGrow: across, "--across": across }}>
      <figcaption>
        <span>{name.replace(/^\d+ · /, "")}</span> <em>{layer.sparse ? percent(density) : "dense"}</em>
      </figcaption>
      <button
        type="button"
        aria-label={`${name}: ${stored} of ${layer.mask.length} blocks of ${layer.blockSize} by ${layer.blockSize}. Arrow keys read blocks, Enter shows the weights.`}
        onClick={() => onOpen(layer.name)}
        onKeyDown={move}
        onBlur={() => setCursor(null)}
      >
        <canvas
          ref={canvas}
          style={{ aspectRatio: `${across} / ${down}` }}
          onMouseMove={pick}
          onMouseLeave={() => setCursor(null)}
        />
      </button>
      <output class={cursor === null ? "block-words quiet" : "block-words"} aria-live="polite">
        {cursor === null ? "" : describeBlock(layer, cursor, step)}
      </output>
    </figure>
  );
};
