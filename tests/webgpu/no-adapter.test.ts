import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);

/** What a program prints in a process of its own, where WebGPU is not to be had. */
const printed = async (options: readonly string[], env: NodeJS.ProcessEnv): Promise<unknown> => {
  const program = `
    import { devices, openDevice } from "@tessera/tensor";
    const webgpu = (await devices()).at(-1);
    const auto = (await openDevice("auto")).name;
    const error = await openDevice("webgpu").catch(({ name, message }) => ({ name, message }));
    console.log(JSON.stringify({ webgpu, auto, error }));`;
  const { stdout } = await run(
    process.execPath,
    ["--conditions=@tessera/source", "--import", "tsx", ...options, "--input-type=module", "--eval", program],
    { cwd: new URL("..", import.meta.url), env: { ...process.env, ...env } },
  );
  return JSON.parse(stdout);
};

// What the platform's loader finds is the platform's business elsewhere.
it.runIf(process.platform === "linux")(
  "without an adapter, devices and openDevice say why and what to do",
  async () => {
    const nowhere = "/nowhere/icd.json";
    const result = await printed([], { VK_ICD_FILENAMES: nowhere, VK_DRIVER_FILES: nowhere });
    const message = expect.stringMatching(
      /^webgpu: no adapter was found; install a Vulkan driver and its loader \(libvulkan1; .*\), or point VK_ICD_FILENAMES to one\. The devices cpu and reference need none$/,
    ) as unknown;
    expect(result).toEqual({
      webgpu: { name: "webgpu", available: message },
      auto: "cpu",
      error: { name: "DeviceError", message },
    });
  },
);

it('an adapter that gives no device is a typed error, and "auto" is the cpu then', async () => {
  const gpu = `{ requestAdapter: async () => ({
    info: { vendor: "acme", architecture: "", description: "card" }, features: new Set(), limits: {},
    requestDevice: async () => { throw new Error("out of devices"); },
  }) }`;
  const define = `Object.defineProperty(globalThis, "navigator", { value: { gpu: ${gpu} }, configurable: true });`;
  const result = await printed(["--import", `data:text/javascript,${encodeURIComponent(define)}`], {});
  const message = expect.stringMatching(
    /^webgpu: the adapter acme card gave no device \(out of devices\); close what else uses the GPU, and try again\./,
  ) as unknown;
  expect(result).toMatchObject({
    webgpu: { name: "webgpu", available: true },
    auto: "cpu",
    error: { name: "DeviceError", message },
  });
});

it("without the package webgpu, they say how to install it", async () => {
  const hook = `export const resolve = (name, context, next) => {
    if (name === "webgpu") throw new Error("Cannot find package 'webgpu'");
    return next(name, context);
  };`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;
  const result = await printed(["--import", `data:text/javascript,${encodeURIComponent(register)}`], {});
  const message = expect.stringMatching(
    /^webgpu: Node needs the package "webgpu", which could not be loaded \(Cannot find package 'webgpu'\); npm install webgpu@/,
  ) as unknown;
  expect(result).toEqual({
    webgpu: { name: "webgpu", available: message },
    auto: "cpu",
    error: { name: "DeviceError", message },
  });
});
