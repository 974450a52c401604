// A vitest reporter: which tests were skipped and why, and last, alone on its line, `N passed, N failed, N skipped`.

/** @param {import("vitest/node").TestModule} module */
const titleOf = (module, test) => `${module.relativeModuleId} > ${test.fullName}`;

export default class TotalsReporter {
  /** @param {readonly import("vitest/node").TestModule[]} modules */
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const skipped = [];
    for (const module of modules) {
      // A file that fails before its tests are collected has no test to count.
      const broken = module.errors().length;
      count.failed += broken;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === "passed") count.passed += 1;
        else if (state === "failed") count.failed += 1;
        else {
          count.skipped += 1;
          skipped.push(`  ${titleOf(module, test)}: ${note ?? "no reason given"}`);
        }
      }
    }
    // The default reporter prints its summary at the same event, after us in some modes: write once it is done.
    process.once("exit", () => {
      if (skipped.length > 0) process.stdout.write(`\nSkipped:\n${skipped.join("\n")}\n`);
      process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
