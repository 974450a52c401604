import { signal } from "@preact/signals";
import { choices, defaultConfiguration, type Configuration } from "../engine/configuration.ts";
import { modelTitles } from "../engine/model-titles.ts";
import { MIN_OWN_CHARACTERS, texts } from "../engine/texts.ts";
import { Choice, More } from "./controls.tsx";
import { configuration, facts, ownText, runState, theEngine } from "./store.ts";

const set = (change: Partial<Configuration>): void => {
  configuration.value = { ...configuration.value, ...change };
};

/** The demo's rate, for a model that knows nothing; what knows something already would forget at it. */
const FRESH_RATE = 2e-3;

const dropping = signal(false);

const takeFile = async (file: File | undefined): Promise<void> => {
  if (!file) return;
  ownText.value = await file.text();
  set({ text: "own" });
};

const OwnText = () => {
  const text = ownText.value ?? "";
  const missing = MIN_OWN_CHARACTERS - text.trim().length;
  return (
    <div
      class={`field own-text ${dropping.value ? "dropping" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        dropping.value = true;
      }}
      onDragLeave={() => (dropping.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        dropping.value = false;
        void takeFile(event.dataTransfer?.files[0]);
      }}
    >
      <label for="own-text">Paste a text, or drop a file here</label>
      <textarea
        id="own-text"
        rows={4}
        value={text.length > 20_000 ? `${text.slice(0, 20_000)}…` : text}
        onInput={(event) => (ownText.value = event.currentTarget.value)}
      />
      <p class="caption">
        {missing > 0
          ? `${missing.toLocaleString("en-US")} more characters, and it can learn from it.`
          : `${text.length.toLocaleString("en-US")} characters. They stay in this browser.`}{" "}
        <input
          type="file"
          accept=".txt,.md,text/*"
          aria-label="Choose a text file"
          onChange={(event) => void takeFile(event.currentTarget.files?.[0])}
        />
      </p>
    </div>
  );
};

/** What is trained, on what, and where. */
export const SetupPanel = () => {
  const now = configuration.value;
  const scratch = now.start === "scratch";
  const busy = runState.value === "opening" || runState.value === "sweeping";
  const sizes = (values: readonly number[], unit: string) => values.map((n) => [String(n), `${n} ${unit}`] as const);
  return (
    <section class="card setup" aria-labelledby="setup-title">
      <header>
        <h2 id="setup-title">What learns what</h2>
      </header>
      <div class="fields">
        <Choice
          label="Text"
          value={now.text}
          disabled={busy}
          options={Object.entries(texts).map(([name, { title }]) => [name, title] as const)}
          onChange={(value) => set({ text: value as Configuration["text"] })}
        />
        <Choice
          label="Model"
          value={now.model}
          disabled={busy}
          options={Object.entries(modelTitles).map(([name, { title, task }]) => [name, `${title}: ${task}`] as const)}
          onChange={(value) => set({ model: value as Configuration["model"] })}
        />
        <Choice
          label="Start"
          value={now.start}
          disabled={busy}
          options={[
            ["checkpoint", "From a checkpoint, and go on"],
            ["scratch", "From scratch"],
          ]}
          onChange={(value) =>
            set(
              value === "scratch"
                ? { start: "scratch", lr: FRESH_RATE }
                : { start: "checkpoint", lr: defaultConfiguration.lr },
            )
          }
        />
        <Choice
          label="Device"
          value={now.device}
          disabled={busy}
          options={[
            ["cpu", "CPU (WebAssembly)"],
            ["webgpu", "GPU (WebGPU)"],
          ]}
          onChange={(value) => set({ device: value as Configuration["device"] })}
        />
        {scratch ? (
          <>
            <Choice
              label="Depth"
              value={String(now.layers)}
              options={sizes(choices.layers, "layers")}
              onChange={(value) => set({ layers: Number(value) })}
            />
            <Choice
              label="Width"
              value={String(now.hidden)}
              options={sizes(choices.hidden, "features")}
              onChange={(value) => set({ hidden: Number(value) })}
            />
            <Choice
              label="Vocabulary"
              value={String(now.vocab)}
              options={sizes(choices.vocab, "tokens")}
              onChange={(value) => set({ vocab: Number(value) })}
            />
          </>
        ) : null}
        <Choice
          label="Batch"
          value={String(now.batch)}
          options={sizes(choices.batch, "blocks of 64")}
          onChange={(value) => set({ batch: Number(value) })}
        />
        <Choice
          label="Learning rate"
          value={String(now.lr)}
          options={choices.lr.map((lr) => [String(lr), lr.toString()] as const)}
          onChange={(value) => {
            set({ lr: Number(value) });
            if (facts.value) void theEngine().setRate(Number(value));
          }}
        />
      </div>
      {now.text === "own" ? <OwnText /> : null}
      <More title="What happens here">
        <p>
          A worker trains a real transformer in this page with <code>@tessera/*</code>: forward, gradients and AdamW, in
          WebAssembly or on the GPU. Words are hidden from it, and it learns to tell them from the others. Nothing that
          you type leaves the browser.
        </p>
        <p>
          A sparse layer stores, computes and updates the blocks that are there, and nothing else. That is why a step
          gets faster when blocks go.
        </p>
      </More>
    </section>
  );
};
