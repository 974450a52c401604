import { unzip, zip } from "fflate";
import type { FileMap } from "../engine/protocol.ts";

/** The largest file that is unpacked: beyond every model of this page. */
const MAX_BYTES = 512e6;

/** Files as one archive. Weights are noise to a packer: they are stored, and packing takes no time. */
export const packZip = (files: FileMap): Promise<Blob> =>
  new Promise((done, failed) => {
    const entries = [...files].map(
      ([name, data]) => [name, [data, { level: /safetensors$/.test(name) ? 0 : 6 }]] as const,
    );
    zip(Object.fromEntries(entries) as Parameters<typeof zip>[0], (error, packed) =>
      error ? failed(error) : done(new Blob([packed], { type: "application/zip" })),
    );
  });

/** The files of an archive, their folders left out. @throws Error when it is none */
export const unpackZip = (bytes: Uint8Array): Promise<FileMap> =>
  new Promise((done, failed) => {
    unzip(bytes, { filter: ({ originalSize }) => originalSize < MAX_BYTES }, (error, files) => {
      if (error) return failed(new Error(`This is no zip that can be read: ${error.message}.`));
      const named = Object.entries(files).filter(([, data]) => data.length > 0);
      done(new Map(named.map(([path, data]) => [path.split("/").at(-1)!, data])));
    });
  });
