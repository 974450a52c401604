/** One task at a time, in the order of asking. Between two of them the event loop gets its turn, so that messages arrive. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();
  private readonly channel = new MessageChannel();
  private waiting: (() => void)[] = [];

  constructor() {
    this.channel.port1.onmessage = () => this.waiting.shift()?.();
  }

  take<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.last.then(() => this.breathe()).then(task);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** A message to oneself: quicker than a timer, of which browsers make at least four milliseconds. */
  private breathe(): Promise<void> {
    return new Promise((done) => {
      this.waiting.push(done);
      this.channel.port2.postMessage(null);
    });
  }
}
