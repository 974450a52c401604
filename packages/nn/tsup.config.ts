import { packageConfig } from "../../scripts/tsup-config.ts";

// Only optimisers need autograd, which is kept once it is imported: in a file of their own, a page of layers leaves both out.
export default packageConfig(import.meta.url, {
  "optim/optimizer": "src/optim/optimizer.ts",
  "optim/clip-grad-norm": "src/optim/clip-grad-norm.ts",
});
