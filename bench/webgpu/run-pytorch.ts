import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PytorchProcess } from "../pytorch-process.ts";
import { PytorchFigures, type PytorchFigure, type PytorchInfo } from "./pytorch-figures.ts";
import type { PytorchJob } from "./pytorch-job.ts";

export interface PytorchPlace {
  /** The Python that has PyTorch. */
  readonly python: string;
  /** The companion; `null`: the one beside this file. */
  readonly script: string | null;
  readonly seconds: number;
}

type Line =
  ({ readonly info: PytorchInfo } | { readonly absent: string } | { readonly failed: string }) | PytorchFigure;

const none = new PytorchFigures(null, []);

/**
 * Runs the companion script, while nothing else uses the device. Without a PyTorch that sees a GPU its columns are left out, and
 * `say` tells why; what it printed before it failed or ran out of time counts.
 */
export const runPytorch = async (
  job: PytorchJob,
  { python, script: named, seconds }: PytorchPlace,
  say: (text: string) => void,
): Promise<PytorchFigures> => {
  const script = named ?? fileURLToPath(new URL("pytorch.py", import.meta.url));
  if (!existsSync(script)) {
    say(`PyTorch is left out: its companion script is not there; name it with --pytorch FILE`);
    return none;
  }
  const companion = new PytorchProcess({ python, script, seconds });
  companion.send(job);
  companion.endInput();
  let info: PytorchInfo | null = null;
  let absent: string | null = null;
  const figures: PytorchFigure[] = [];
  for await (const said of companion.lines()) {
    const line = said as Line;
    if ("info" in line) ({ info } = line);
    else if ("absent" in line) ({ absent } = line);
    else if ("failed" in line) say(`PyTorch: ${line.failed}`);
    else figures.push(line);
  }
  const problem = await companion.problem();
  if (absent !== null || problem !== "")
    say(`PyTorch is left out${figures.length > 0 ? " in part" : ""}: ${absent ?? problem}`);
  return new PytorchFigures(info, figures);
};
