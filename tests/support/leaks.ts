import { memory } from "@tessera/tensor";
import { expect } from "vitest";

/** Runs a test body and fails when it leaves tensors or bytes behind on any device. */
export const withoutLeaks = async (body: () => void | Promise<void>): Promise<void> => {
  const before = counts();
  await body();
  expect(counts(), "tensors, storages and bytes left behind").toEqual(before);
};

export const counts = (): { [device: string]: readonly number[] } =>
  Object.fromEntries(
    Object.entries(memory())
      .map(([name, m]) => [name, [m.tensors, m.storages, m.bytes]] as const)
      .filter(([, n]) => n.some((x) => x !== 0)),
  );
