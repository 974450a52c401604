import { composed, families } from "@tessera/tensor/families";
import { samples, tolerances } from "../samples/all.ts";
import { composedSamples } from "../samples/composed.ts";
import { conformance, conformanceOfAll } from "../support/conformance.ts";

conformanceOfAll(families, samples, tolerances);
conformance("composed", composed, composedSamples, tolerances.reduce);
