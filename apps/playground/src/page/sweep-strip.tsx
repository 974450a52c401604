import { signal } from "@preact/signals";
import { colourAt, rampOf } from "./colours.ts";
import { Slider } from "./controls.tsx";
import { layerTitle } from "./format.ts";
import { darkMode } from "./media.ts";
import { busy, cells, mosaic, runState, runSweep, sweep, theEngine } from "./store.ts";

const DENSITIES = [0.75, 0.5, 0.25, 0.1] as const;
const recover = signal(10);

const Cell = ({
  layer,
  density,
  most,
}: {
  readonly layer: string;
  readonly density: number;
  readonly most: number;
}) => {
  const found = cells.value.find((cell) => cell.layer === layer && cell.density === density);
  if (!found) return <td class="empty" aria-label="not measured yet" />;
  const share = Math.max(0, found.added) / most;
  const dark = darkMode.value;
  return (
    <td
      style={{
        background: colourAt(rampOf("gradient", dark), share),
        color: share > 0.45 !== dark ? "#fff" : "#10131a",
      }}
    >
      {found.added >= 0 ? "+" : "−"}
      {Math.abs(found.added).toFixed(3)}
    </td>
  );
};

const HeatMap = () => {
  const layers = (mosaic.value?.layers ?? []).map(({ name }) => name);
  const most = Math.max(0.02, ...cells.value.map(({ added }) => added));
  return (
    <div class="heat-box" tabIndex={0} role="group" aria-label="Loss added by layer and density">
      <table class="heat" data-testid="heat">
        <caption>Loss added on unseen texts when one layer alone keeps so many of its blocks</caption>
        <thead>
          <tr>
            <th scope="col">layer</th>
            {DENSITIES.map((density) => (
              <th key={density} scope="col">
                {100 * density} %
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer}>
              <th scope="row">{layerTitle(layer)}</th>
              {DENSITIES.map((density) => (
                <Cell key={density} {...{ layer, density, most }} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** Which layers tolerate sparsity: a small sweep, painted cell by cell. */
export const SweepStrip = () => {
  const now = sweep.value;
  const running = runState.value === "sweeping";
  const ready = (runState.value === "training" || runState.value === "paused") && busy.value === null;
  const steer = (what: "pause" | "resume" | "cancel") => () => void theEngine().steerSweep(what);
  return (
    <section class="card sweep" aria-labelledby="sweep-title">
      <header>
        <h2 id="sweep-title">Which layers tolerate it?</h2>
      </header>
      <div class="sweep-body">
        <div class="card-part">
          <p class="caption">
            One layer at a time loses blocks, trains {recover.value} steps to recover, and is tested. The training waits
            meanwhile, and nothing of it changes.
          </p>
          <div class="sweep-controls">
            <Slider
              label="Recover"
              value={recover.value}
              min={0}
              max={60}
              step={5}
              show={(value) => `${value} steps`}
              onChange={(value) => (recover.value = value)}
            />
            <div class="buttons">
              {running && now ? (
                <>
                  {now.state === "paused" ? (
                    <button onClick={steer("resume")}>Resume sweep</button>
                  ) : (
                    <button onClick={steer("pause")}>Pause sweep</button>
                  )}
                  <button onClick={steer("cancel")}>Cancel sweep</button>
                </>
              ) : (
                <button class="primary" disabled={!ready} onClick={() => void runSweep(DENSITIES, recover.value)}>
                  Find out
                </button>
              )}
            </div>
          </div>
          {now && now.of > 0 ? (
            <p class="progress" role="status">
              <progress max={now.of} value={now.done} aria-label="cells measured" /> {now.done} of {now.of} cells
              {now.state === "paused" ? ", paused" : ""}
            </p>
          ) : null}
        </div>
        {mosaic.value ? <HeatMap /> : null}
      </div>
    </section>
  );
};
