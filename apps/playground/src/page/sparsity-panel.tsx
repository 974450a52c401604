import { blockSizes, criterionTitles, methods, patterns, type MethodName, type Sparsity } from "../engine/sparsity.ts";
import { Choice, Slider } from "./controls.tsx";
import { layerTitle, percent } from "./format.ts";
import { busy, facts, lookAt, mosaic, patchNow, runState, sparsity, undoPatch } from "./store.ts";

const set = (change: Partial<Sparsity>): void => {
  sparsity.value = { ...sparsity.value, ...change };
};

/** Sparsity by hand. */
export const SparsityPanel = () => {
  const { pattern, density, blockSize, criterion, method, over, every, fraction, twin } = sparsity.value;
  const ready = runState.value === "training" || runState.value === "paused";
  const moves = method === "set" || method === "rigl";
  return (
    <section class="card sparsity" aria-labelledby="sparsity-title">
      <header>
        <h2 id="sparsity-title">Take blocks away</h2>
      </header>
      <Slider
        label="Density"
        value={density}
        min={0.05}
        max={1}
        step={0.05}
        show={(value) => (value === 1 ? "dense again" : `keep ${percent(value)}`)}
        onChange={(value) => set({ density: value })}
      />
      <div class="fields">
        <Choice
          label="Layers"
          value={pattern}
          options={[
            ...Object.entries(patterns).map(([name, { title }]) => [name, title] as const),
            ...(mosaic.value?.layers ?? []).map(({ name }) => [name, layerTitle(name)] as const),
          ]}
          onChange={(value) => set({ pattern: value })}
        />
        <Choice
          label="Block size"
          value={String(blockSize)}
          options={blockSizes.map((size) => [String(size), `${size} × ${size}`] as const)}
          onChange={(value) => {
            set({ blockSize: Number(value) });
            lookAt({ blockSize: Number(value) });
          }}
        />
        <Choice
          label="Which blocks stay"
          value={criterion}
          options={Object.entries(criterionTitles)}
          onChange={(value) => set({ criterion: value as Sparsity["criterion"] })}
        />
        <Choice
          label="How"
          value={method}
          options={Object.entries(methods).map(([name, { title }]) => [name, title] as const)}
          onChange={(value) => set({ method: value as MethodName })}
        />
      </div>
      <p class="caption">{methods[method].says}</p>
      {method === "gradual" ? (
        <Slider
          label="Over"
          value={over}
          min={20}
          max={2000}
          step={20}
          show={(value) => `${value} steps`}
          onChange={(value) => set({ over: value })}
        />
      ) : null}
      {method === "once" ? null : (
        <Slider
          label="Change every"
          value={every}
          min={5}
          max={200}
          step={5}
          show={(value) => `${value} steps`}
          onChange={(value) => set({ every: value })}
        />
      )}
      {moves ? (
        <Slider
          label="Blocks that move"
          value={fraction}
          min={0.02}
          max={0.5}
          step={0.02}
          show={percent}
          onChange={(value) => set({ fraction: value })}
        />
      ) : null}
      <label class="tick">
        <input type="checkbox" checked={twin} onChange={(event) => set({ twin: event.currentTarget.checked })} />
        Keep a dense twin that trains on the same batches
      </label>
      <div class="buttons">
        <button class="primary" disabled={!ready || busy.value !== null} onClick={() => void patchNow()}>
          Patch now
        </button>
        <button disabled={!facts.value?.canUndo || busy.value !== null || !ready} onClick={() => void undoPatch()}>
          Undo
        </button>
      </div>
    </section>
  );
};
