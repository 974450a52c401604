export function compress(bytes: Uint8Array, before?: Uint8Array): Uint8Array;
