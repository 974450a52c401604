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

/** Milliseconds of computing before signals, timers and clicks get their turn. */
const MAX_BUSY_MS = 100;

/** Yields to the event loop now and then: a loop of steps that never waits would shut out even Ctrl-C. */
export class EventLoopYield {
  private last = performance.now();

  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.last < MAX_BUSY_MS) return;
    await new Promise<void>((done) => setTimeout(done));
    this.last = performance.now();
  }
}
