/** How a user starts the command line: by a script inside the monorepo, by npx where the package is installed. */
export const isInstalled = import.meta.url.includes("/node_modules/");

/** What stands in front of a command, such as `patch runs/pretrain`. */
export const startCommand = isInstalled ? "npx tessera" : "npm run tessera --";
