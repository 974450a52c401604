import { fusesMultiplyAdd } from "@tessera/tensor/extend";
import { expect, it } from "vitest";

it("kernels fuse multiply-adds unless the environment says that they shall not", () =>
  expect(fusesMultiplyAdd()).toBe(process.env["TESSERA_WASM"] !== "base"));
