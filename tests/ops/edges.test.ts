import { families } from "@tessera/tensor/families";
import { elementwiseSamples } from "../samples/elementwise.ts";
import { conformance } from "../support/conformance.ts";
import { edgeSamples } from "../support/edges.ts";

/** sin and cos are exact to about 1e5; docs/edges.md. */
const near = (edge: number): boolean => !(Math.abs(edge) > 1e5 && Math.abs(edge) < Infinity);

// What only gradients call is tried by those.
const forward = Object.fromEntries(Object.entries(elementwiseSamples).filter(([name]) => !name.endsWith("Backward")));
const table = edgeSamples(forward, { sin: near, cos: near });

conformance("elementwise at the edges", families.elementwise, table, {
  forward: { each: 1e-5 },
  gradient: { each: 1e-5 },
});
