import { signal } from "@preact/signals";
import type { FileMap } from "../engine/protocol.ts";
import { exportPicture, pictures, type Picture } from "./export-picture.ts";
import { forgetRun } from "./kept-run.ts";
import { facts, openModel, problem, runState, theEngine } from "./store.ts";
import { packZip, unpackZip } from "./zip.ts";

const note = signal("");

const download = (name: string, blob: Blob): void => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  note.value = `${name} was saved.`;
};

const fail = (error: unknown): void => {
  problem.value = { kind: "other", message: (error as Error).message };
};

const saveFolder = async (format: "sparse" | "dense"): Promise<void> => {
  const files = await theEngine().save(format);
  download(`tessera-${format}-step-${facts.value!.step}.zip`, await packZip(files));
};

const saveOne = async (file: "model.safetensors" | "run.json"): Promise<void> => {
  const files: FileMap = await theEngine().save("sparse");
  download(file, new Blob([files.get(file)!]));
};

const load = async (file: File | undefined): Promise<void> => {
  if (!file) return;
  try {
    await openModel(await unpackZip(new Uint8Array(await file.arrayBuffer())));
  } catch (error) {
    fail(error);
  }
};

const savePicture = async (picture: Picture, format: "svg" | "png"): Promise<void> => {
  const blob = await exportPicture(picture, format);
  if (blob) download(`tessera-${picture}.${format}`, blob);
};

/** What goes out and comes in: models, runs and pictures. */
export const SavePanel = () => {
  const ready = runState.value === "training" || runState.value === "paused";
  const act = (fn: () => Promise<void>) => () => void fn().catch(fail);
  return (
    <section class="card save" aria-labelledby="save-title">
      <header>
        <h2 id="save-title">Keep it</h2>
      </header>
      <p class="caption">
        The run survives a reload by itself, and the address of this page holds every choice: send it. Files below go to
        and come from your disk alone.
      </p>
      <div class="buttons">
        <button disabled={!ready} onClick={act(() => saveFolder("sparse"))}>
          Run and model (.zip)
        </button>
        <button disabled={!ready} onClick={act(() => saveFolder("dense"))}>
          For Hugging Face (.zip)
        </button>
        <button disabled={!ready} onClick={act(() => saveOne("model.safetensors"))}>
          Weights (.safetensors)
        </button>
        <button disabled={!ready} onClick={act(() => saveOne("run.json"))}>
          Run (.json)
        </button>
        <label class="button">
          Load a .zip
          <input
            type="file"
            accept=".zip"
            class="unseen"
            onChange={(event) => void load(event.currentTarget.files?.[0])}
          />
        </label>
        <button onClick={() => void forgetRun().then(() => (note.value = "The kept run is forgotten."))}>
          Forget the kept run
        </button>
      </div>
      <div class="buttons">
        {pictures.map((picture) => (
          <span key={picture} class="pair">
            {picture}:{" "}
            <button disabled={!ready} onClick={act(() => savePicture(picture, "svg"))} aria-label={`${picture} as SVG`}>
              SVG
            </button>
            <button disabled={!ready} onClick={act(() => savePicture(picture, "png"))} aria-label={`${picture} as PNG`}>
              PNG
            </button>
          </span>
        ))}
      </div>
      <p class="caption" role="status">
        {note.value}
      </p>
    </section>
  );
};
