import { families } from "@tessera/sparse/families";
// Teaches autograd the gradients.
import "@tessera/sparse";
import { sparseSamples } from "../samples/all.ts";
import { conformanceOfAll } from "../support/conformance.ts";

conformanceOfAll(families, sparseSamples, {
  blockMatmul: { forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } },
  blockCopy: { forward: "equal", gradient: "equal" },
});
