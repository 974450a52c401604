import { join } from "node:path";
import { Option } from "commander";
import { RedisLink } from "../queue/redis-link.ts";
import { parseRedisUrl } from "../queue/redis-url.ts";
import { QueueServer } from "../queue/serve-queue.ts";
import { threadsOfWorkers } from "../sensitivity/workers.ts";
import { Interrupted } from "../terminal/command-error.ts";
import { formatCount, formatDuration } from "../terminal/format.ts";
import { parsePositiveNumber, parseWholeNumber } from "../terminal/parse-argument.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { createPatienceOption } from "./shared-options.ts";

interface WorkerCommandOptions {
  queue: string;
  workers: number;
  idle?: number;
  patience: number;
}

export const workerCommand: CommandDefinition<WorkerCommandOptions> = {
  name: "worker",
  summary: "measure cells of sensitivity sweeps that share a Redis",
  writes: "always on",
  options: [
    new Option("--queue <url>", "the Redis of the sweeps, as redis://[user:password@]host[:port][/database]")
      .argParser(parseRedisUrl)
      .makeOptionMandatory(),
    new Option("--workers <n>", "cells at once, each in a process with its share of the threads")
      .argParser(parseWholeNumber(1))
      .default(1),
    new Option("--idle <seconds>", "end after so long without a cell (default: wait for the next sweep)").argParser(
      parsePositiveNumber,
    ),
    createPatienceOption(),
  ],
  examples: ["worker --queue redis://192.168.1.2:6379", "worker --queue redis://192.168.1.2 --workers 4 --idle 60"],

  async run({ terminal, out, stop, threads }, { queue, workers, idle, patience }) {
    const link = await RedisLink.open(queue, { op: "worker", patience, onTrouble: (text) => terminal.warn(text) });
    let [cells, failed] = [0, 0];
    try {
      const server = new QueueServer(link, {
        workers,
        threads: threads ?? threadsOfWorkers(workers),
        cache: join(out, "sweeps"),
        ...(idle === undefined ? {} : { idle }),
        stop,
        onRow: ({ cell, loss, error }, seconds) => {
          cells++;
          if (error !== undefined) failed++;
          terminal.printLine(`${cell}  ${error ?? `loss ${loss!.toFixed(4)}`}  ${formatDuration(seconds)}`);
        },
      });
      terminal.printLine("Waiting for cells; Ctrl-C ends, and what is being measured goes back to the queue");
      await server.run();
    } finally {
      link.close();
    }
    if (stop.aborted) throw new Interrupted(`stopped after ${formatCount(cells)} cells; others measure what was begun`);
    terminal.printResult({ cells, failed }, [
      `${formatCount(cells)} cells measured${failed === 0 ? "" : `, ${formatCount(failed)} failed`}; none came for ${formatDuration(idle!)}`,
    ]);
  },
};
