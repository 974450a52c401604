import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { inject, type TestContext } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Whether it is a failure that there is no redis-server. */
    readonly redisRequired: boolean;
  }
}

const program = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "redis-server"))
  .find((path) => existsSync(path));

/** Skips a test where there is no redis-server, unless one is required. */
export const needRedis = ({ skip }: Pick<TestContext, "skip">): void => {
  if (program !== undefined) return;
  const message = "there is no redis-server; apt-get install redis-server (Debian) brings one";
  if (inject("redisRequired")) throw new Error(message);
  skip(message);
};

/** A port that is free now. */
export const findFreePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });

/** A Redis of its own, that writes each command to its disk. */
export class RedisServer {
  private child: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly settings: readonly string[],
  ) {}

  static async start(...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(await findFreePort(), await mkdtemp(join(tmpdir(), "tessera-redis-")), settings);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it with the data that it had. */
  async start(): Promise<void> {
    const child = spawn(
      program!,
      [
        "--port",
        String(this.port),
        "--bind",
        "127.0.0.1",
        "--dir",
        this.folder,
        "--appendonly",
        "yes",
        "--save",
        "",
        ...this.settings,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.child = child;
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    while (!said.includes("Ready to accept connections")) {
      if (child.exitCode !== null) throw new Error(`redis-server ended: ${said}`);
      await sleep(10);
    }
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  }

  /** Asks it something. */
  async ask<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.url);
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
