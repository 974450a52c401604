import { planSensitivity, type SensitivityStore } from "@tessera/sparse";
import type { SweepDescription, SweepOptions } from "../sensitivity/sweep-options.ts";
import { formatBytes } from "../terminal/format.ts";
import { startCommand } from "../terminal/start-command.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { CellCollector, type QueueState } from "./collect-cells.ts";
import { RedisLink } from "./redis-link.ts";
import { showRedisUrl } from "./redis-url.ts";
import { MAX_SENT_BYTES } from "./sweep-inputs.ts";

export interface QueueChoice {
  readonly queue: string;
  /** How long Redis may be away, in seconds. */
  readonly patience: number;
}

/** What measures the cells of a sweep, in place of this process. */
export interface CellRunners {
  readonly runners: NonNullable<SweepOptions["runners"]>;
  readonly store: SensitivityStore;
  /** How it stands, for the line of progress. */
  readonly describe?: () => string;
  end(isWhole: boolean): Promise<void>;
}

const describeState = ({ workers, active }: QueueState): string =>
  workers === 0 ? "no worker" : `${workers} ${workers === 1 ? "worker" : "workers"}, ${active} at work`;

/** Hands the cells of a sweep to the workers of a Redis. @throws {QueueError} if that cannot be reached, or has no room */
export const startCollecting = async (
  { queue: address, patience }: QueueChoice,
  sweep: SweepDescription,
  given: { options: SweepOptions; store: SensitivityStore; terminal: Terminal; stop: AbortSignal },
): Promise<CellRunners> => {
  const { options, store, terminal, stop } = given;
  const { common } = await planSensitivity(options);
  const link = await RedisLink.open(address, { op: "sensitivity", patience, onTrouble: (text) => terminal.warn(text) });
  let state: QueueState | undefined;
  const onState = (next: QueueState): void => {
    if (next.workers === 0 && state?.workers !== 0)
      terminal.printLine(`No worker is connected; on any machine: ${workerCommand(address)}`);
    state = next;
  };
  try {
    const collector = await CellCollector.open(link, sweep, { common, store, stop, onState });
    for (const { path, sent, files } of collector.inputs) {
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      terminal.printLine(
        sent
          ? `${path}: ${formatBytes(bytes)}, sent to workers that do not have it`
          : `${path}: ${formatBytes(bytes)}, more than the ${formatBytes(MAX_SENT_BYTES)} that are sent; workers need it at ${path}`,
      );
    }
    return {
      runners: collector.runners,
      store: collector.store,
      describe: () => (state ? describeState(state) : ""),
      end: async (isWhole) => {
        await collector.end(isWhole);
        link.close();
      },
    };
  } catch (error) {
    link.close();
    throw error;
  }
};

const workerCommand = (address: string): string => `${startCommand} worker --queue ${showRedisUrl(address)}`;
