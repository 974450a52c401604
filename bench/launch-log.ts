import type { Backend, Launch } from "@tessera/tensor";

/** One launch, and how long the device worked on it, planning included. */
export interface LoggedLaunch {
  readonly launch: Launch;
  readonly seconds: number;
}

/** What a device launched while `fn` ran. For devices that have done the work when `launch` returns. */
export const logLaunches = <T>(
  device: Backend,
  fn: () => T,
): { value: T; launches: LoggedLaunch[]; seconds: number } => {
  const launches: LoggedLaunch[] = [];
  const launch = device.launch.bind(device);
  device.launch = (one) => {
    const start = performance.now();
    launch(one);
    launches.push({ launch: one, seconds: (performance.now() - start) / 1000 });
  };
  const start = performance.now();
  try {
    const value = fn();
    return { value, launches, seconds: (performance.now() - start) / 1000 };
  } finally {
    device.launch = launch;
  }
};
