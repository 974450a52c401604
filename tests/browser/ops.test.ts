// Every sample of every op, as in Node: on cpu and on webgpu, here in a browser.
import "../ops/conformance.test.ts";
