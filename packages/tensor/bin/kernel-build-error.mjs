/** What is wrong with a package's kernels, and what to do. */
export class KernelBuildError extends Error {
  name = "KernelBuildError";
}
