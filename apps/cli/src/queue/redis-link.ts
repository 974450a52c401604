import type { Redis } from "ioredis";
import { CommandError } from "../terminal/command-error.ts";
import { formatDuration } from "../terminal/format.ts";
import { loadBullmq, type QueueLibraries } from "./load-bullmq.ts";
import { QueueError } from "./queue-error.ts";
import { showRedisUrl, withPassword } from "./redis-url.ts";

/** All keys begin with it: BullMQ's, and those beside them. */
export const KEY_PREFIX = "tessera";
/** The queue of the cells of all sweeps. */
export const QUEUE_NAME = "cells";

const RETRY_MILLISECONDS = 500;
const FIRST_TRY_MILLISECONDS = 10_000;

const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message === "" ? error.name : error.message) : String(error);

/** What to do about an error of Redis. */
const adviceFor = (message: string): string => {
  if (/WRONGPASS|NOAUTH|invalid password|NOPERM/i.test(message))
    return "give user and password as redis://user:password@host, or the password as REDISCLI_AUTH in the environment";
  if (/OOM command/.test(message)) return "raise its maxmemory, or remove what else it keeps";
  if (/DB index is out of range/i.test(message)) return "name another database behind the host";
  return "start it (redis-server), or check the address";
};

/** Whether Redis takes nothing more until someone makes room, or cannot write to its disk. */
const isFull = (error: unknown): boolean => /\b(OOM command|MISCONF)/.test(messageOf(error));
/** Whether Redis is not there, is coming up, or has another one to follow: what passes by itself. */
const isAway = (error: unknown): boolean =>
  /LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|Connection is closed|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN/.test(
    messageOf(error),
  );

export interface LinkOptions {
  /** The command that asks, for messages. */
  op: string;
  /** How long Redis may be away, or full, in seconds. */
  patience: number;
  /** Told when Redis is lost or full, and when it is back. */
  onTrouble?: (text: string) => void;
}

/**
 * A connection to Redis that comes back after an interruption. What waits for Redis longer than `patience` ends with a `QueueError`:
 * it is the reason of `lost`, too.
 */
export class RedisLink {
  private readonly controller = new AbortController();
  private since: number | null = null;
  private trouble = "";
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    readonly address: string,
    readonly client: Redis,
    readonly libraries: QueueLibraries,
    private readonly options: LinkOptions,
  ) {}

  /** @throws {QueueError} if BullMQ is not installed, or Redis cannot be reached, refuses the password, or is too old */
  static async open(address: string, options: LinkOptions): Promise<RedisLink> {
    const libraries = await loadBullmq();
    let isOpen = false;
    let last: unknown;
    const client = new libraries.ioredis.Redis(withPassword(address), {
      lazyConnect: true,
      // Commands wait for Redis to come back; patience ends the wait.
      maxRetriesPerRequest: null,
      connectTimeout: FIRST_TRY_MILLISECONDS,
      retryStrategy: () => (isOpen ? RETRY_MILLISECONDS : null),
    });
    client.on("error", (error) => (last = error));
    try {
      await client.connect();
      // A user without rights to the keys is refused here, not in the middle.
      await client.exists(`${KEY_PREFIX}:sweeps`);
    } catch (cause) {
      client.disconnect();
      const message = messageOf(last ?? cause);
      throw new QueueError(
        `${options.op}: expected Redis at ${showRedisUrl(address)}, got ${message}; ${adviceFor(message)}`,
        { cause },
      );
    }
    isOpen = true;
    const link = new RedisLink(address, client, libraries, options);
    client.on("close", () => link.miss("connection lost"));
    client.on("error", (error) => link.miss(messageOf(error)));
    client.on("ready", () => link.find());
    return link;
  }

  /** Aborted once Redis was away for too long. */
  get lost(): AbortSignal {
    return this.controller.signal;
  }

  /** The same connection for BullMQ. */
  get connection(): { connection: Redis; prefix: string; skipVersionCheck: true } {
    return { connection: this.client, prefix: KEY_PREFIX, skipVersionCheck: true };
  }

  /**
   * Runs commands, again while Redis is away or full.
   *
   * @throws {QueueError} once that took longer than `patience`, or if Redis refuses them for another reason
   */
  async run<T>(commands: () => Promise<T>): Promise<T> {
    let fullSince: number | null = null;
    for (;;) {
      try {
        const found = await this.orLost(commands());
        if (fullSince !== null) this.say("Redis takes more again");
        return found;
      } catch (error) {
        if (error instanceof CommandError) throw error;
        const full = isFull(error);
        if ((!full && !isAway(error)) || this.client.status === "end") throw this.errorOf(messageOf(error), error);
        if (full && fullSince === null) {
          this.say(
            `${messageOf(error)}; waiting ${formatDuration(this.options.patience)}: ${adviceFor(messageOf(error))}`,
          );
          fullSince = performance.now();
        }
        if (fullSince !== null && performance.now() - fullSince > 1000 * this.options.patience)
          throw this.errorOf(messageOf(error), error);
        await this.orLost(new Promise((done) => setTimeout(done, RETRY_MILLISECONDS)));
      }
    }
  }

  /** Runs commands without patience for a Redis that is full: nothing was begun that would be lost. */
  async runAtOnce<T>(commands: () => Promise<T>): Promise<T> {
    try {
      return await this.orLost(commands());
    } catch (error) {
      throw error instanceof CommandError ? error : this.errorOf(messageOf(error), error);
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.client.removeAllListeners("close");
    this.client.disconnect();
  }

  private orLost<T>(work: Promise<T>): Promise<T> {
    const { lost } = this;
    if (lost.aborted) {
      work.catch(() => undefined);
      return Promise.reject(lost.reason as Error);
    }
    return new Promise((done, failed) => {
      const fail = (): void => failed(lost.reason as Error);
      lost.addEventListener("abort", fail, { once: true });
      work.then(done, failed).finally(() => lost.removeEventListener("abort", fail));
    });
  }

  private errorOf(message: string, cause?: unknown): QueueError {
    const { op } = this.options;
    return new QueueError(
      `${op}: expected Redis at ${showRedisUrl(this.address)} to go on, got ${message}; ${adviceFor(message)}, and give the same command again: what was measured is kept`,
      { cause },
    );
  }

  private say(text: string): void {
    this.options.onTrouble?.(`${showRedisUrl(this.address)}: ${text}`);
  }

  private miss(trouble: string): void {
    this.trouble = trouble;
    if (this.since !== null || this.lost.aborted) return;
    const { patience } = this.options;
    this.since = performance.now();
    this.say(`${trouble}; waiting ${formatDuration(patience)} for it`);
    this.timer = setTimeout(() => this.controller.abort(this.errorOf(this.trouble)), 1000 * patience);
  }

  private find(): void {
    if (this.since === null) return;
    clearTimeout(this.timer);
    this.say(`back after ${formatDuration((performance.now() - this.since) / 1000)}`);
    this.since = null;
  }
}
