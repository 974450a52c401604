import * as blockCopy from "@tessera/sparse/ops/block-copy";
import * as blockMatmul from "@tessera/sparse/ops/block-matmul";
// Teaches autograd the gradients.
import "@tessera/sparse";
import { blockCopySamples } from "../samples/block-copy.ts";
import { blockMatmulSamples } from "../samples/block-matmul.ts";
import { conformance } from "../support/conformance.ts";

conformance("block-matmul", blockMatmul, blockMatmulSamples, {
  forward: { relative: 1e-5 },
  gradient: { relative: 1e-4 },
});
conformance("block-copy", blockCopy, blockCopySamples, { forward: "equal", gradient: "equal" });
