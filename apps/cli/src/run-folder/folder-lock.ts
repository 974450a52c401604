import { createHash } from "node:crypto";
import { mkdir, realpath, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../terminal/command-error.ts";

/**
 * The address of a folder's lock socket. The process that listens there owns the folder. Unlike a file with a process id, the
 * lock ends with the process, however it ends.
 */
const findSocketAddress = async (folder: string): Promise<string> => {
  const name = `tessera-${createHash("sha256")
    .update(await realpath(folder))
    .digest("hex")
    .slice(0, 24)}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
};

const listen = (address: string): Promise<Server> =>
  new Promise((done, failed) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", failed);
    server.listen(address, () => done(server.unref()));
  });

const isListening = (address: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(address);
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });

/**
 * Locks a folder for this process, so that no second run writes into it.
 *
 * @throws {CommandError} if another process has it
 * @returns a function that unlocks the folder
 */
export const lockFolder = async (folder: string): Promise<() => void> => {
  await mkdir(folder, { recursive: true });
  const address = await findSocketAddress(folder);
  for (let attempt = 0; ; attempt++) {
    try {
      const server = await listen(address);
      return () => void server.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
    if (attempt > 0 || (await isListening(address))) {
      throw new CommandError(
        `${folder}: expected a folder that no one writes to, got one in use; wait or name another --out`,
      );
    }
    // Nobody answers: the owner was killed, and only the file of its socket is left.
    await rm(address, { force: true });
  }
};
