import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { weightDecayGroups } from "@tessera/models";
import { scope } from "@tessera/tensor";
import { PytorchProcess } from "../pytorch-process.ts";
import { ADAMW, CLIP, tinyRoberta, type RobertaSizes } from "./tiny-roberta.ts";

/** What PyTorch is, where it runs. */
export interface PytorchInfo {
  readonly torch: string;
  /** Its widest vectors here. */
  readonly capability: string;
  /** The library of its products. */
  readonly blas: string;
  readonly threads: number;
}

/** One way in which PyTorch runs the step. */
export interface PytorchVariant {
  readonly name: string;
  /** Of its first steps. */
  readonly losses: readonly number[];
  /** Which of its AdamWs. */
  readonly optimizer: string;
}

type Line =
  | { readonly info: PytorchInfo }
  | { readonly absent: string }
  | { readonly variant: string; readonly losses: readonly number[]; readonly optimizer: string }
  | { readonly missing: string; readonly why: string }
  | { readonly ready: true }
  | { readonly seconds: number };

export interface PeerOptions {
  readonly python: string;
  readonly threads: number;
  /** Steps whose losses it tells. */
  readonly checkedSteps: number;
}

/** The ids of an epoch repeat after so many batches. */
const BATCHES = 8;
const PATIENCE_SECONDS = 1800;

/** PyTorch in a process of its own, with the weights and batches of the dense training of `tinyRoberta`. Steps when it is asked to. */
export class PytorchPeer {
  readonly variants: PytorchVariant[] = [];
  /** What it cannot run here, and why. */
  readonly missing: { readonly name: string; readonly why: string }[] = [];
  info: PytorchInfo | null = null;
  private readonly lines: AsyncGenerator<object, void>;

  private constructor(
    private readonly process: PytorchProcess,
    private readonly folder: string,
  ) {
    this.lines = process.lines();
  }

  /** @throws Error where that Python has no PyTorch, or it fails. */
  static async start(sizes: RobertaSizes, { python, threads, checkedSteps }: PeerOptions): Promise<PytorchPeer> {
    const folder = mkdtempSync(join(tmpdir(), "tessera-pytorch-"));
    const count = `${threads}`;
    const peer = new PytorchPeer(
      new PytorchProcess({
        python,
        script: fileURLToPath(new URL("pytorch_steps.py", import.meta.url)),
        env: { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count },
        seconds: PATIENCE_SECONDS,
      }),
      folder,
    );
    try {
      peer.process.send({ ...jobOf(sizes, folder), threads, checkedSteps });
      await peer.getReady();
    } catch (error) {
      peer.dispose();
      throw error;
    }
    return peer;
  }

  /** Seconds of a step, over so many. */
  async time(variant: string, steps: number): Promise<number> {
    this.process.send({ variant, steps });
    const line = await this.next();
    if (!("seconds" in line)) throw new Error(`PyTorch: expected seconds, got ${JSON.stringify(line)}`);
    return line.seconds;
  }

  dispose(): void {
    this.process.endInput();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async getReady(): Promise<void> {
    for (;;) {
      const line = await this.next();
      if ("info" in line) this.info = line.info;
      else if ("absent" in line) throw new Error(`PyTorch: ${line.absent}`);
      else if ("losses" in line) this.variants.push({ name: line.variant, ...line });
      else if ("missing" in line) this.missing.push({ name: line.missing, why: line.why });
      else if ("ready" in line) return;
    }
  }

  private async next(): Promise<Line> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error(`PyTorch: ${(await this.process.problem()) || "it ended"}`);
    return value as Line;
  }
}

/** Weights, batches and settings of the dense training. */
const jobOf = (sizes: RobertaSizes, folder: string): object => {
  const training = tinyRoberta(sizes, 1);
  const weights = join(folder, "weights.f32");
  const named = [...training.model.namedParameters()];
  writeFileSync(weights, Buffer.concat(named.map(([, parameter]) => Buffer.from(parameter.dataSync().slice().buffer))));
  const [decayed] = weightDecayGroups(training.model, { weightDecay: ADAMW.weightDecay });
  const batches = Array.from({ length: BATCHES }, () =>
    scope(() => {
      const { inputIds, labels, labelPositions } = training.inputs();
      const [ids, wanted, positions] = [inputIds, labels!, labelPositions!].map((one) => [...one.dataSync()]);
      return { ids, labels: wanted, positions };
    }),
  );
  training.dispose();
  return {
    sizes,
    weights,
    parameters: named.map(([name, { shape }]) => [name, shape]),
    decayed: [...(decayed?.params.keys() ?? [])],
    batches,
    clip: CLIP,
    ...ADAMW,
  };
};
