import { packageConfig } from "../../scripts/tsup-config.ts";

export default packageConfig(import.meta.url, { cli: "src/cli.ts" });
