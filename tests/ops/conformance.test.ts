import * as elementwise from "@tessera/tensor/ops/elementwise";
import * as index from "@tessera/tensor/ops/index";
import * as loss from "@tessera/tensor/ops/loss";
import * as move from "@tessera/tensor/ops/move";
import * as random from "@tessera/tensor/ops/random";
import * as reduce from "@tessera/tensor/ops/reduce";
import { elementwiseSamples } from "../samples/elementwise.ts";
import { indexSamples } from "../samples/index.ts";
import { lossSamples } from "../samples/loss.ts";
import { moveSamples } from "../samples/move.ts";
import { randomSamples } from "../samples/random.ts";
import { reduceSamples } from "../samples/reduce.ts";
import { conformance } from "../support/conformance.ts";

// float32 functions are within a few units in the last place; sums and products grow errors with their length.
const each = { forward: { each: 1e-5 }, gradient: { each: 1e-5 } } as const;
const sums = { forward: { relative: 1e-5 }, gradient: { relative: 1e-4 } } as const;
const exact = { forward: "equal", gradient: "equal" } as const;

conformance("elementwise", elementwise, elementwiseSamples, each);
conformance("reduce", reduce, reduceSamples, sums);
conformance("move", move, moveSamples, exact);
conformance("random", random, randomSamples, each);
conformance("index", index, indexSamples, sums);
conformance("loss", loss, lossSamples, sums);
