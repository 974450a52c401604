import { cos, sin, tensor } from "@tessera/tensor";
import { families } from "@tessera/tensor/families";
import { describe, expect, it } from "vitest";
import { elementwiseSamples } from "../samples/elementwise.ts";
import { conformance } from "../support/conformance.ts";
import { devices, oracle } from "../support/devices.ts";
import { edgeSamples } from "../support/edges.ts";
import { withoutLeaks } from "../support/leaks.ts";

/** sin and cos are exact to about 1e5; docs/edges.md. */
const near = (edge: number): boolean => !(Math.abs(edge) > 1e5 && Math.abs(edge) < Infinity);

// What only gradients call is tried by those.
const forward = Object.fromEntries(Object.entries(elementwiseSamples).filter(([name]) => !name.endsWith("Backward")));
const table = edgeSamples(forward, { sin: near, cos: near });

conformance("elementwise at the edges", families.elementwise, table, {
  forward: { each: 1e-5 },
  gradient: { each: 1e-5 },
});

// Beyond what their reduction of turns can do they are not exact, but values of a sine still.
describe.each([oracle, ...devices].map((device) => [device.name, device] as const))(
  "sin and cos far out on %s",
  (_, device) => {
    it("are numbers from -1 to 1", () =>
      withoutLeaks(async () => {
        const x = tensor(Float32Array.of(1e15, -1e15, 1e25, 3e38, -3e38, 1e6), [6], { device });
        for (const f of [sin, cos]) {
          const y = f(x);
          for (const value of await y.data()) expect(Math.abs(value)).toBeLessThanOrEqual(1);
          y.dispose();
        }
        x.dispose();
      }));
  },
);
