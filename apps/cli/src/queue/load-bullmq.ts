import type * as bullmqModule from "bullmq";
import type * as ioredisModule from "ioredis";
import { packageInfo } from "../package-info.ts";
import { QueueError } from "./queue-error.ts";

/** BullMQ and the client that it uses: optional peers of this package. */
export interface QueueLibraries {
  readonly bullmq: typeof bullmqModule;
  readonly ioredis: typeof ioredisModule;
}

const installCommand = `npm install ${["bullmq", "ioredis"].map((name) => `${name}@${packageInfo.peerDependencies[name]}`).join(" ")}`;

/** Loads what `--queue` needs. @throws {QueueError} if it is not installed */
export const loadBullmq = async (): Promise<QueueLibraries> => {
  try {
    const [bullmq, ioredis] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { bullmq, ioredis };
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new QueueError(
      `--queue: expected the packages bullmq and ioredis, which could not be loaded (${reason}); ${installCommand}`,
      { cause },
    );
  }
};
