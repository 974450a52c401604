/** Time spent on steps: stopped while a training evaluates and saves. */
export class Stopwatch {
  private total: number;
  private startedAt: number | null = null;

  /** @param seconds what had been measured before */
  constructor(seconds = 0) {
    this.total = seconds;
  }

  start(): void {
    this.startedAt ??= performance.now();
  }

  stop(): void {
    this.total = this.seconds;
    this.startedAt = null;
  }

  get seconds(): number {
    return this.total + (this.startedAt === null ? 0 : (performance.now() - this.startedAt) / 1000);
  }
}

/** How long one may compute before the process hears of signals, timers and clicks. */
const PATIENCE = 100;

/** Lets others run when that is due: a loop of steps that never waits would keep even Ctrl-C out. */
export class Breather {
  private last = performance.now();

  async breathe(): Promise<void> {
    if (performance.now() - this.last < PATIENCE) return;
    await new Promise<void>((done) => setTimeout(done));
    this.last = performance.now();
  }
}
