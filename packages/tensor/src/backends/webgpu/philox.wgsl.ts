import { high, low } from "./kernel.ts";

/** The words that `philox` reads. */
export const DRAW_WORDS = { seedLow: "u32", seedHigh: "u32", drawLow: "u32", drawHigh: "u32" } as const;

/** Their values: the seed and the draw of a launch. */
export const DRAW = {
  seedLow: low("seedLow"),
  seedHigh: low("seedHigh"),
  drawLow: low("counter"),
  drawHigh: high("counter"),
};

/**
 * Philox 4x32-10 (Salmon et al. 2011): four words for the elements 4·block … 4·block + 3, exact. WGSL has no 64-bit products: their
 * upper halves are made of 16-bit parts, none of which overflows.
 */
export const philox = /* wgsl */ `
fn mulHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let left = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let right = (a & 0xffffu) * (b >> 16u) + (left & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (left >> 16u) + (right >> 16u);
}
fn philox(block: u32) -> vec4<u32> {
  var c = vec4<u32>(block, 0u, w.drawLow, w.drawHigh);
  var key = vec2<u32>(w.seedLow, w.seedHigh);
  for (var round = 0; round < 10; round++) {
    let high = vec2<u32>(mulHigh(0xcd9e8d57u, c.z), mulHigh(0xd2511f53u, c.x)) ^ c.yw ^ key;
    c = vec4<u32>(high.x, 0xcd9e8d57u * c.z, high.y, 0xd2511f53u * c.x);
    key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;
