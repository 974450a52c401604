import { vi } from "vitest";
import { runCli } from "@tessera/cli";

/** Runs a command line in this process, which is fifty times quicker than in one of its own. */
export const runHere = async (args: readonly string[]): Promise<{ code: number; out: string; err: string }> => {
  const written = { out: "", err: "" };
  const into = (name: keyof typeof written) => (text: string | Uint8Array) => {
    written[name] += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(into("out")),
    vi.spyOn(process.stderr, "write").mockImplementation(into("err")),
  ];
  try {
    return { code: await runCli(args), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
};
