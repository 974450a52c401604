import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process-identity.ts";

/**
 * A process that wants a folder, or has it: a file of the folder. All that others must know is in its name, so that it is there
 * as a whole or not at all, also on a full disk.
 */
export interface LockClaim extends ProcessIdentity {
  /** Random: two claims never share a file, so that the file of a dead process can be removed without a race. */
  readonly id: string;
  readonly file: string;
}

/** A claim of another process, as it stands now. */
export interface SeenClaim extends LockClaim {
  /** Whether it has the folder: the owner writes into its file, a candidate's is empty. */
  readonly owns: boolean;
  /** Changes as long as the process is well. */
  readonly beat: number;
}

const PREFIX = ".tessera-lock-";
const NAME = /^\.tessera-lock-([0-9a-f]{12})-(\d+)-([0-9a-f]+)-([0-9a-f]{16})$/;

/** Whether a file of a folder belongs to its lock, and to no run. */
export const isLockFile = (file: string): boolean => file.startsWith(PREFIX);

export const createClaim = ({ place, pid, start }: ProcessIdentity, id: string): LockClaim => ({
  place,
  pid,
  start,
  id,
  file: `${PREFIX}${place}-${pid}-${start}-${id}`,
});

/** Finds the claims on a folder. */
export const listClaims = (folder: string): SeenClaim[] =>
  readdirSync(folder).flatMap((file) => {
    const [, place, pid, start, id] = NAME.exec(file) ?? [];
    if (place === undefined) return [];
    const found = statSync(join(folder, file), { throwIfNoEntry: false });
    if (!found) return [];
    const claim = { place, pid: Number(pid), start: start!, id: id!, file };
    return [{ ...claim, owns: found.size > 0, beat: found.mtimeMs }];
  });
