import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";

const TYPES: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** As hosts send them that may; without them the service worker has to. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a folder below /some/folder/ of a port of its own, as any static host would. */
export const serveSite = async (folder: string, headers: Readonly<Record<string, string>> = {}): Promise<Site> => {
  const base = "/some/folder/";
  const server = createServer((request, response) => {
    void (async () => {
      const { pathname } = new URL(request.url!, "http://site");
      const inside = normalize(pathname.slice(base.length) || "index.html");
      const path = join(folder, inside);
      const found = pathname.startsWith(base) && !inside.startsWith(`..${sep}`) && (await stat(path).catch(() => null));
      if (!found || !found.isFile()) return response.writeHead(404).end();
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "Content-Type": type, "Content-Length": found.size });
      return createReadStream(path).pipe(response);
    })();
  });
  await new Promise<void>((ready) => server.listen(0, "localhost", ready));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}${base}`,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
};
