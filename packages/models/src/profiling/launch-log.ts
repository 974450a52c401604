import type { Backend } from "@tessera/tensor";
import type { Launch } from "@tessera/tensor/extend";

/** One launch, and how long the device worked on it, planning included. */
export interface LoggedLaunch {
  readonly launch: Launch;
  readonly seconds: number;
}

/**
 * What a device launched while `fn` ran. Seconds mean something on devices that have done the work when `launch` returns.
 *
 * @example
 * const { launches } = logLaunches(cpu, () => exp(ones([3])).dispose());
 * launches.map(({ launch }) => launch.op.name); // ["fill", "exp"]
 */
export const logLaunches = <T>(
  device: Backend,
  fn: () => T,
): { value: T; launches: LoggedLaunch[]; seconds: number } => {
  const launches: LoggedLaunch[] = [];
  const isLogged = Object.hasOwn(device, "launch");
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
    // What was its class's is its class's again; an outer log stays.
    if (isLogged) device.launch = launch;
    else Reflect.deleteProperty(device, "launch");
  }
};
