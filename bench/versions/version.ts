import { fork, type ChildProcess } from "node:child_process";
import type { DeviceName, JobAnswer, JobRequest, WorkloadName } from "./workloads.ts";

export interface VersionOptions {
  /** job.ts, bundled with that version's packages. */
  readonly job: string;
  /** The Node that runs it. */
  readonly node: string;
  /** The build of its kernels; `null` where it chooses. */
  readonly build: string | null;
}

/** A version of the packages in a process of its own, asked step by step. */
export class Version {
  private readonly child: ChildProcess;

  constructor({ job, node, build }: VersionOptions) {
    this.child = fork(job, {
      serialization: "advanced",
      execPath: node,
      env: { ...process.env, ...(build === null ? {} : { TESSERA_WASM: build }) },
    });
  }

  async open(device: DeviceName, threads: number): Promise<void> {
    await this.ask({ kind: "open", device, threads });
  }

  async load(workload: WorkloadName): Promise<void> {
    await this.ask({ kind: "load", workload });
  }

  /** @throws Error when a step fails, or the process ends. */
  time(steps: number): Promise<{ readonly seconds: number; readonly loss: number }> {
    return this.ask({ kind: "time", steps });
  }

  close(): void {
    this.child.kill();
  }

  private ask(request: JobRequest): Promise<{ readonly seconds: number; readonly loss: number }> {
    return new Promise((done, failed) => {
      const ended = (code: number | null, signal: string | null): void =>
        failed(new Error(`versions: the process ended with ${signal ?? code}`));
      this.child.once("exit", ended);
      this.child.once("message", (answer: JobAnswer) => {
        this.child.off("exit", ended);
        if ("failed" in answer) failed(new Error(answer.failed));
        else done(answer);
      });
      this.child.send(request);
    });
  }
}
