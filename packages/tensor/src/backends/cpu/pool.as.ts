/**
 * The thread pool's words in low memory (see linear-memory.ts), and what must be atomic on them.
 *
 * A job is numbered. Its ticket holds the job's number in the upper and the number of tasks left in the lower 32 bits: a thread
 * claims a task by lowering the whole ticket, which fails when none is left or the job is over, however long the thread slept; it
 * notes the end of the task the same way. The ticket alone decides: POOL_TASKS may be the next job's already. A job ends when all its
 * tasks are done, so what whoever claims one reads then, the arguments too, is of that job and no other.
 */
const TICKET: usize = 128;
const JOB: usize = 132; // the upper half of the ticket
const DONE: usize = 136; // the job in the upper 32 bits; TRAPPED and the number of finished tasks in the lower
/** The number of tasks of the job. @shared */
const POOL_TASKS: usize = 144;
const SLEEPERS: usize = 148;

const TRAPPED: i32 = 1 << 31;

/** Starts job `job` of `tasks` tasks; everything it needs is in memory. Wakes the threads that sleep. */
export function pool_start(job: i32, tasks: i32): void {
  store<i32>(POOL_TASKS, tasks);
  atomic.store<i64>(DONE, (<i64>job) << 32);
  atomic.store<i64>(TICKET, (<i64>job) << 32 | <i64>tasks);
  if (atomic.load<i32>(SLEEPERS) > 0) atomic.notify(JOB, -1);
}

/** The next task of the job, or -1 when there is none left or the job is over. */
export function pool_claim(job: i32): i32 {
  while (true) {
    const ticket = atomic.load<i64>(TICKET);
    const left = <i32>ticket;
    if (<i32>(ticket >> 32) != job || left == 0) return -1;
    if (atomic.cmpxchg<i64>(TICKET, ticket, ticket - 1) == ticket) return load<i32>(POOL_TASKS) - left;
  }
}

/**
 * Notes that a task of `job` is done, and whether it trapped; the last one wakes the thread that waits for the job. A thread that comes
 * when its job was given up leaves the next one alone.
 */
export function pool_finish(job: i32, trapped: i32): void {
  while (true) {
    const done = atomic.load<i64>(DONE), tasks = load<i32>(POOL_TASKS);
    if (<i32>(done >> 32) != job) return;
    const word = (<i32>done + 1) | (trapped ? TRAPPED : 0);
    if (atomic.cmpxchg<i64>(DONE, done, (<i64>job) << 32 | <i64>(<u32>word)) != done) continue;
    if ((word & ~TRAPPED) == tasks) atomic.notify(DONE, 1);
    return;
  }
}

/** Waits for a job other than `job`: looks `spins` times, then sleeps. Returns its number. */
export function pool_next(job: i32, spins: i32): i32 {
  for (let i = 0; i < spins; i++) {
    const now = atomic.load<i32>(JOB);
    if (now != job) return now;
  }
  atomic.add<i32>(SLEEPERS, 1);
  while (atomic.load<i32>(JOB) == job) atomic.wait<i32>(JOB, job, -1);
  atomic.sub<i32>(SLEEPERS, 1);
  return atomic.load<i32>(JOB);
}

/**
 * Waits until all tasks of the job are done: looks `spins` times, then sleeps at most `patience` nanoseconds; 0 where the thread
 * may not sleep. Returns how many are done, with the topmost bit set when one trapped: with fewer than all, look again.
 */
export function pool_wait(spins: i32, patience: i64): i32 {
  const tasks = load<i32>(POOL_TASKS);
  for (let i = 0; i < spins; i++) {
    const word = atomic.load<i32>(DONE);
    if ((word & ~TRAPPED) == tasks) return word;
  }
  const word = atomic.load<i32>(DONE);
  if ((word & ~TRAPPED) != tasks && patience > 0) atomic.wait<i32>(DONE, word, patience);
  return atomic.load<i32>(DONE);
}
