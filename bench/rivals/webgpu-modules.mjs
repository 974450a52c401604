// The libraries that run on WebGPU, as one module: it is loaded from here, or bundled to one file for a machine without npm.
// `globalThis.navigator.gpu` must be there before it is loaded.
import * as jax from "@jax-js/jax";
import tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-webgpu";

export { jax, tf };
export const versions = { "tfjs-webgpu": tf.version.tfjs, "jax-js": "0.1.25" };
