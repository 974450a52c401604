import { packageConfig } from "../../scripts/tsup-config.ts";

// A namespace holds all that is in it: in files of their own, who imports a layer leaves what it does not use.
export default packageConfig(import.meta.url, { functional: "src/functional.ts", init: "src/init.ts" });
