import { families } from "@tessera/nn/families";
import * as composed from "@tessera/nn/internal/ops/composed";
import { nnSamples, nnTolerances } from "../samples/all.ts";
import { nnComposedSamples } from "../samples/nn-composed.ts";
import { conformance, conformanceOfAll } from "../support/conformance.ts";
import { sums } from "../support/sample.ts";

conformanceOfAll(families, nnSamples, nnTolerances);
conformance("composed", composed, nnComposedSamples, sums);
