import type { Module } from "@tessera/nn";

/** SHA-256 of all parameters and buffers with their names, in hexadecimal. */
export const hashOfWeights = async (model: Module): Promise<string> => {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const [name, tensor] of model.stateDict()) {
    const data = await tensor.data();
    parts.push(new TextEncoder().encode(`${name} ${tensor.dtype} ${tensor.shape.join()}\n`));
    // A copy: what was read may lie in memory that threads share, which is not digested.
    parts.push(Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  }
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
