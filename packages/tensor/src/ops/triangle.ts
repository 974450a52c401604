import { arange } from "../create.ts";
import { ShapeError } from "../error.ts";
import { namedScope } from "../named-scope.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { le, ge, logicalNot, maskedFill, sub } from "./elementwise/elementwise.ts";
import { reshape } from "./move/move.ts";

/** column − row for each element of the last two dims. */
const diagonalOf = (op: string, x: Tensor): Tensor => {
  if (x.ndim < 2) throw new ShapeError(`${op}: expected at least 2 dims, got ${showShape(x.shape)}`);
  const rows = reshape(arange(0, x.size(-2), { device: x.device }), [x.size(-2), 1]);
  return sub(arange(0, x.size(-1), { device: x.device }), rows);
};

/** The lower triangle of the last two dims, up to `diagonal`; 0 above. {@link https://docs.pytorch.org/docs/stable/generated/torch.tril.html torch.tril} */
export const tril = (x: Tensor, diagonal = 0): Tensor =>
  namedScope("tril", () => maskedFill(x, logicalNot(le(diagonalOf("tril", x), diagonal)), 0));

/** The upper triangle of the last two dims, from `diagonal` on; 0 below. {@link https://docs.pytorch.org/docs/stable/generated/torch.triu.html torch.triu} */
export const triu = (x: Tensor, diagonal = 0): Tensor =>
  namedScope("triu", () => maskedFill(x, logicalNot(ge(diagonalOf("triu", x), diagonal)), 0));
