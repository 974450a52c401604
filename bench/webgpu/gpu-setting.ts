import type { WebgpuBackend } from "@tessera/tensor";
import type { GpuPeak } from "./measure-gpu-peak.ts";
import type { GpuRival } from "./gpu-rivals.ts";
import type { GpuPace } from "./gpu-timing.ts";
import type { PytorchFigures } from "./pytorch-figures.ts";

/** What a section of the benchmarks on a GPU works with. */
export interface GpuSetting {
  readonly gpu: WebgpuBackend;
  /** Small shapes and few rounds: to see that everything works, not how fast it is. */
  readonly quick: boolean;
  readonly pace: GpuPace;
  readonly peak: GpuPeak;
  /** None where they are not installed, or not asked for. */
  readonly rivals: readonly GpuRival[];
  readonly pytorch: PytorchFigures;
  /** Tells what is being measured. */
  readonly say: (text: string) => void;
  /** Tells what was left out, and why; the report keeps it. `wrong`: the program fails in the end. */
  readonly remark: (text: string, wrong?: "wrong") => void;
}
