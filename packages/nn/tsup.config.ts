import { packageConfig } from "../../scripts/tsup-config.ts";

// Only optimisers need autograd, which is kept wherever it is imported: in a file of their own, a page of layers leaves both out.
export default packageConfig(import.meta.url, { optim: "src/optim/index.ts" });
