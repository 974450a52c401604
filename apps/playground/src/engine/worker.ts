import type { Answer, Command, Report } from "./protocol.ts";
import { messageOf } from "./describe-problem.ts";
import { Session } from "./session.ts";

/** The scope of a dedicated worker, of which TypeScript's library for pages knows only the half that is shared. */
const port = globalThis as unknown as {
  postMessage(message: Answer | Report, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Command>) => void) | null;
};

/** Buffers that the page takes over: those made for it alone. */
const transferOf = (report: Report): Transferable[] => {
  if (report.type === "mosaic")
    return report.layers.flatMap(({ mask, norms, gradients, born }) =>
      [mask, norms, gradients, born].map(({ buffer }) => buffer),
    );
  return report.type === "reading" ? [report.reading.attention.buffer] : [];
};

const session = new Session((report) => port.postMessage(report, transferOf(report)));

const answer = async ({ id, name, args }: Command): Promise<void> => {
  try {
    const value = await (session[name] as (...args: unknown[]) => Promise<unknown>)(...args);
    port.postMessage({ id, value });
  } catch (error) {
    port.postMessage({ id, error: messageOf(error) });
  }
};

port.onmessage = ({ data }) => void answer(data);
