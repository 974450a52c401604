import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, rmdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError } from "../terminal/command-error.ts";
import { isFileError } from "./describe-file-error.ts";
import { startHeartbeat, type Heartbeat } from "./heartbeat.ts";
import { createUnwritableError, makeFolder } from "./make-folder.ts";
import { createClaim, listClaims, type LockClaim, type SeenClaim } from "./lock-claim.ts";
import { identifyProcess, judgeProcess, type ProcessIdentity } from "./process-identity.ts";

/** A folder that this process alone writes to. */
export interface FolderLock {
  /** @throws {CommandError} if the folder is this process's no longer: it was suspended for long, or someone removed the lock */
  assertOwned(): void;
  /** Unlocks the folder. */
  release(): void;
}

/** A process of another machine or container that shows no beat for so long is dead. */
const MAX_SILENCE_MILLISECONDS = 10_000;
/** A candidate waits for others to resign no longer than this. */
const MAX_WAIT_MILLISECONDS = 15_000;
/** An owner that was killed a moment ago takes some time to be gone: it is asked for again so long. */
const MAX_DYING_MILLISECONDS = 1000;
const PAUSE_MILLISECONDS = 20;

const describeOwner = ({ place, pid }: LockClaim, self: ProcessIdentity): string =>
  place === self.place ? `process ${pid}` : "a process of another machine or container";

const inUse = (folder: string, claim: LockClaim, self: ProcessIdentity): CommandError =>
  new CommandError(
    `${folder}: expected a folder that no one writes to, got one in use by ${describeOwner(claim, self)}; wait or name another --out`,
  );

/** Judges the claims of others. One from elsewhere is alive if its beat changes, and dead if it does not for long. */
const createJudge = (self: ProcessIdentity): ((claim: SeenClaim) => "alive" | "dead" | "unknown") => {
  const beats = new Map<string, { beat: number; since: number; changed: boolean }>();
  return (claim) => {
    const direct = judgeProcess(claim, self);
    if (direct !== "unknown") return direct;
    const now = performance.now();
    const last = beats.get(claim.id);
    if (!last || last.beat !== claim.beat) {
      beats.set(claim.id, { beat: claim.beat, since: now, changed: last !== undefined });
      return last ? "alive" : "unknown";
    }
    if (now - last.since > MAX_SILENCE_MILLISECONDS) return "dead";
    return last.changed ? "alive" : "unknown";
  };
};

/**
 * Waits until no other process claims the folder.
 *
 * Each candidate makes its own file first and looks for others then. Of two candidates one at least sees the other, because the
 * later look comes after both files. Whoever sees an owner gives up; among candidates the one of the smallest id stays. Files
 * of the dead are removed; no other claim has their name, so that no live claim can be hit.
 *
 * @throws {CommandError} if another process has the folder, or wins it
 */
const waitForOthers = async (folder: string, own: LockClaim): Promise<void> => {
  const judge = createJudge(own);
  const begun = performance.now();
  for (;;) {
    const claims = listClaims(folder);
    // Who was suspended for long may have been taken for dead: then it begins anew.
    if (!claims.some(({ id }) => id === own.id)) closeSync(openSync(join(folder, own.file), "wx"));
    else {
      const others = claims.filter(({ id }) => id !== own.id).map((claim) => ({ claim, verdict: judge(claim) }));
      for (const { claim, verdict } of others)
        if (verdict === "dead") rmSync(join(folder, claim.file), { force: true });
      const rivals = others.filter(({ verdict }) => verdict !== "dead");
      if (rivals.length === 0) return;
      const waited = performance.now() - begun;
      const isLate = waited > MAX_WAIT_MILLISECONDS;
      const winner = rivals.find(
        ({ claim, verdict }) =>
          isLate || (verdict === "alive" && (claim.owns ? waited > MAX_DYING_MILLISECONDS : claim.id < own.id)),
      );
      if (winner) throw inUse(folder, winner.claim, own);
    }
    await sleep(PAUSE_MILLISECONDS);
    // A waiting candidate shows that it is alive, for those who do not see its process.
    const now = new Date();
    if (existsSync(join(folder, own.file))) utimesSync(join(folder, own.file), now, now);
  }
};

/** Marks a claim as the owner's. False if it was removed meanwhile. */
const becomeOwner = (folder: string, { file, id, pid }: LockClaim): boolean => {
  const about = { pid, host: hostname(), since: new Date().toISOString() };
  try {
    writeFileSync(join(folder, file), `${JSON.stringify(about)}\n`, { flag: "r+" });
  } catch (error) {
    if (isFileError(error, "ENOENT")) return false;
    throw error;
  }
  return listClaims(folder).some((claim) => claim.id === id);
};

/**
 * Locks a folder for this process, so that no second run writes into it. The lock is a file of the folder. It ends with the
 * process, however that ends, and is seen from other machines and containers that share the folder.
 *
 * See docs/decisions/010-the-lock-lives-in-the-folder.md.
 *
 * @param self whom the lock is for; tests claim to be elsewhere
 * @throws {CommandError} if another process has the folder, or it cannot be written
 */
export const lockFolder = async (folder: string, self: ProcessIdentity = identifyProcess()): Promise<FolderLock> => {
  const where = resolve(folder);
  const own = createClaim(self, randomBytes(8).toString("hex"));
  const path = join(where, own.file);
  let created = false;
  let heartbeat: Heartbeat | undefined;
  const remove = (): void => {
    try {
      rmSync(path, { force: true });
      if (created) rmdirSync(where);
    } catch {
      // A folder that has something in it stays. A file that cannot be removed is a dead process's in a moment.
    }
  };
  try {
    created = await makeFolder(folder);
    closeSync(openSync(path, "wx"));
    do await waitForOthers(where, own);
    while (!becomeOwner(where, own));
    heartbeat = startHeartbeat(path);
  } catch (error) {
    remove();
    throw isFileError(error) ? createUnwritableError(folder, error) : error;
  }
  process.once("exit", remove);
  return {
    assertOwned: () => {
      if (!heartbeat.isLost && existsSync(path)) return;
      throw new CommandError(
        `${folder}: expected a folder that this process owns, its lock is gone; another process took it over while this one was suspended, or the folder was removed; see that no other run is there, then go on from the last checkpoint`,
      );
    },
    release: () => {
      process.off("exit", remove);
      heartbeat.stop();
      remove();
    },
  };
};
