// `npm run fuzz -- files …`: hostile files. `npm run fuzz -- programs …`: random programs on several devices. Each prints its usage.
// `npm run fuzz -- arguments`: odd arguments of every function.
const [, , program] = process.argv;
if (program === "files") await import("./fuzz-files.ts");
else if (program === "programs") await import("./fuzz-programs.ts");
else if (program === "arguments") await import("./fuzz-arguments.ts");
else {
  console.error("usage: npm run fuzz -- files|programs|arguments [options]");
  process.exitCode = 2;
}

export {};
