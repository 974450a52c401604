import { signal } from "@preact/signals";
import type { Histogram, LayerBlocks } from "../engine/protocol.ts";
import { rampOf, shades, type Shade } from "./colours.ts";
import { layerTitle } from "./format.ts";
import { LayerDialog } from "./layer-dialog.tsx";
import { darkMode } from "./media.ts";
import { MosaicCanvas } from "./mosaic-canvas.tsx";
import { mosaic, theEngine } from "./store.ts";

export const shade = signal<Shade>("norm");
const shown = signal<Histogram | null>(null);

const show = async (layer: string): Promise<void> => {
  shown.value = await theEngine()
    .histogram(layer)
    .catch(() => null);
};

/** Layers by the number of their transformer layer; what has none comes last. */
const groupsOf = (layers: readonly LayerBlocks[]): [title: string, layers: LayerBlocks[]][] => {
  const groups = new Map<string, LayerBlocks[]>();
  for (const layer of layers) {
    const number = /\.layer\.(\d+)\./.exec(layer.name)?.[1];
    const title = number === undefined ? "Head" : `Layer ${Number(number) + 1}`;
    groups.set(title, [...(groups.get(title) ?? []), layer]);
  }
  return [...groups];
};

const Legend = () => {
  const { low, high } = shades[shade.value];
  const ramp = rampOf(shade.value, darkMode.value);
  const stops = [0, 12, 25, 38, 50, 63].map((i) => ramp[i]!).join(", ");
  return (
    <p class="legend">
      <span>{low}</span>
      <i style={{ background: `linear-gradient(90deg, ${stops})` }} />
      <span>{high}</span>
      <b class="gap-tile" />
      <span>gap: not stored, not computed</span>
    </p>
  );
};

/** Every layer as a mosaic of its blocks. */
export const Mosaics = () => {
  const current = mosaic.value;
  return (
    <section class="mosaics card" aria-labelledby="mosaics-title">
      <header>
        <h2 id="mosaics-title">Every weight, as blocks</h2>
        <div class="segments" role="radiogroup" aria-label="What the colour says">
          {(Object.keys(shades) as Shade[]).map((name) => (
            <label key={name}>
              <input type="radio" name="shade" checked={shade.value === name} onChange={() => (shade.value = name)} />
              <span>{shades[name].title}</span>
            </label>
          ))}
        </div>
        <Legend />
      </header>
      {current ? (
        groupsOf(current.layers).map(([title, layers]) => (
          <div class="layer-row" key={title}>
            <h3>{title}</h3>
            <div class="layer-blocks">
              {layers.map((layer) => (
                <MosaicCanvas
                  key={layer.name}
                  layer={layer}
                  step={current.step}
                  shade={shade.value}
                  onOpen={(name) => void show(name)}
                />
              ))}
            </div>
          </div>
        ))
      ) : (
        <p class="hint">Each tile will be a block of weights. Press Train, and they appear.</p>
      )}
      {shown.value ? (
        <LayerDialog
          histogram={shown.value}
          title={layerTitle(shown.value.layer)}
          onClose={() => (shown.value = null)}
        />
      ) : null}
    </section>
  );
};
