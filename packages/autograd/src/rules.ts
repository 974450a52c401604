import * as elementwise from "@tessera/tensor/ops/elementwise";
import * as move from "@tessera/tensor/ops/move";
import * as reduce from "@tessera/tensor/ops/reduce";
import { defineVjps } from "./define-vjps.ts";
import { elementwiseVjps } from "./vjps/elementwise.ts";
import { moveVjps } from "./vjps/move.ts";
import { reduceVjps } from "./vjps/reduce.ts";

defineVjps(elementwise, elementwiseVjps);
defineVjps(move, moveVjps);
defineVjps(reduce, reduceVjps);
