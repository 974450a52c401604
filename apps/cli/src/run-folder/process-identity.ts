import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** What tells a process from every other: also from a later one with its number, and from those of another machine or container. */
export interface ProcessIdentity {
  /** Where process numbers mean the same: a boot of a machine and its namespace of processes, as 12 hexadecimal digits. */
  readonly place: string;
  readonly pid: number;
  /** When it was started, in units of its place; `"0"` where nothing tells. */
  readonly start: string;
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);

const readOr = (path: string, other: string): string => {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return other;
  }
};

/** Containers of one machine have its boot and may have its name, but not its numbers: a namespace of their own. */
const describePlace = (): string => {
  if (process.platform !== "linux") return `${process.platform} ${hostname()}`;
  try {
    return `${readOr("/proc/sys/kernel/random/boot_id", hostname())} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return `linux ${hostname()}`;
  }
};

/** The fields of `/proc/<pid>/stat` after the name, which may have spaces and brackets itself (`man 5 proc`, fields from 3 on). */
const readProcStat = (pid: number): string[] | undefined => {
  const text = readOr(`/proc/${pid}/stat`, "");
  return text === "" ? undefined : text.slice(text.lastIndexOf(")") + 2).split(" ");
};

/** Places of `state`, `num_threads` and `starttime` among those fields. */
const [STATE, THREADS, START] = [0, 17, 19] as const;

/** When a process was started, by `ps`, for systems without `/proc`. */
const readPsStart = (pid: number): string => {
  try {
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    const said = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { env, stdio: ["ignore", "pipe", "ignore"] });
    const text = said.toString().trim();
    return text === "" ? "0" : hash(text);
  } catch {
    return "0";
  }
};

const readStart = (pid: number): string => {
  if (process.platform === "win32") return "0";
  return process.platform === "linux" ? (readProcStat(pid)?.[START] ?? "0") : readPsStart(pid);
};

let own: ProcessIdentity | undefined;

/** The identity of this process. */
export const identifyProcess = (): ProcessIdentity =>
  (own ??= { place: hash(describePlace()), pid: process.pid, start: readStart(process.pid) });

const hasNumber = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: another user's.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
};

/**
 * Whether a process lives, seen from another. `"unknown"` is a process of another place, or one that this system does not tell
 * apart from a later one with its number.
 */
export const judgeProcess = (
  { place, pid, start }: ProcessIdentity,
  seenFrom: ProcessIdentity = identifyProcess(),
): "alive" | "dead" | "unknown" => {
  if (place !== seenFrom.place) return "unknown";
  if (!hasNumber(pid)) return "dead";
  if (start === "0") return "unknown";
  const fields = process.platform === "linux" ? readProcStat(pid) : undefined;
  // A killed process keeps its number until its parent has asked for its end. Its last threads may still be writing.
  if (fields && /[ZX]/.test(fields[STATE]!) && Number(fields[THREADS]) <= 1) return "dead";
  const found = fields?.[START] ?? readStart(pid);
  if (found === "0") return hasNumber(pid) ? "unknown" : "dead";
  return found === start ? "alive" : "dead";
};
