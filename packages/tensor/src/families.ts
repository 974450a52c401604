import * as attention from "./ops/attention/attention.ts";
import * as elementwise from "./ops/elementwise/elementwise.ts";
import * as index from "./ops/index/index.ts";
import * as loss from "./ops/loss/loss.ts";
import * as matmul from "./ops/matmul/matmul.ts";
import * as move from "./ops/move/move.ts";
import * as norm from "./ops/norm/norm.ts";
import * as random from "./ops/random/random.ts";
import * as reduce from "./ops/reduce/reduce.ts";
import * as softmax from "./ops/softmax/softmax.ts";
import * as sort from "./ops/sort/sort.ts";
import * as update from "./ops/update/update.ts";

/**
 * All families of ops. Gradients, samples, the table of support and the methods of tensors are records over its keys, so that a family
 * left out of one of them does not compile.
 *
 * For authors of such tables: it holds every op, and no bundler can leave one out. The package's entry does not import it.
 */
export const families = {
  elementwise,
  reduce,
  move,
  index,
  random,
  matmul,
  softmax,
  norm,
  loss,
  attention,
  sort,
  update,
} as const;

/** Functions made of the families' ops. They have samples, and neither kernels nor gradients of their own. */
export * as composed from "./ops/composed.ts";
