// The hub as a server on this machine, with the endpoints of huggingface.co.
import { createServer, type Server, type ServerResponse } from "node:http";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AutoModel,
  AutoTokenizer,
  ByteLevelBpeTokenizer,
  FileStoreError,
  loadStateDict,
  MemoryFolder,
  openFolder,
  openHub,
  RobertaForMaskedLM,
  RobertaModel,
  saveStateDict,
  trainBpe,
  type FileStore,
  type HubOptions,
} from "@tessera/models";
import { Linear, Sequential, StateDictError } from "@tessera/nn";
import { BlockSparseModelPatcher, sparseLayoutsOf } from "@tessera/sparse";
import {
  Generator,
  readSafetensors,
  scope,
  tensor,
  writeSafetensors,
  type HostTensor,
  type TypedArray,
} from "@tessera/tensor";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyConfig } from "./tiny-model.ts";

const COMMITS = { main: "a".repeat(40), old: "b".repeat(40) };
const REPO = "tiny-org/tiny-roberta";
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A server that counts what it is asked for. */
class Hub {
  readonly requests: string[] = [];
  /** Ends the connection after so many bytes of a body. */
  cutAfter = Infinity;
  private server: Server | null = null;

  constructor(private readonly commits: Readonly<Record<string, ReadonlyMap<string, Uint8Array>>>) {}

  async start(): Promise<string> {
    this.server = createServer(({ url = "", headers }, response) => {
      this.answer(decodeURIComponent(url), headers.range, headers.authorization, response);
    });
    await new Promise<void>((listening) => this.server!.listen(0, "127.0.0.1", listening));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((closed) => this.server?.close(closed));
  }

  private answer(url: string, range: string | undefined, token: string | undefined, response: ServerResponse): void {
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    };
    this.requests.push(url.split("?")[0]!);
    if (url.includes("private-org/") && token !== "Bearer right") return json(401, { error: "Invalid credentials" });
    const name = url.includes("private-org/") ? "private-org/model" : REPO;
    const info = new RegExp(`^/api/models/${name}/revision/([^?]+)`).exec(url);
    const tree = new RegExp(`^/api/models/${name}/tree/([^?/]+)`).exec(url);
    const file = new RegExp(`^/${name}/resolve/([^/]+)/(.+)$`).exec(url);
    const sha = (revision: string): string => COMMITS[revision as "main"] ?? revision;
    if (info && this.commits[sha(info[1]!)]) {
      return json(200, {
        _id: "1",
        id: name,
        sha: sha(info[1]!),
        private: false,
        likes: 0,
        downloads: 0,
        gated: false,
        lastModified: "2026-01-01",
      });
    }
    if (tree && this.commits[sha(tree[1]!)]) {
      const files = [...this.commits[sha(tree[1]!)]!].map(([path, bytes]) => ({
        type: "file",
        oid: "0",
        size: bytes.length,
        path,
      }));
      return json(200, [...files, { type: "directory", oid: "0", size: 0, path: "onnx" }]);
    }
    const bytes = file ? this.commits[sha(file[1]!)]?.get(file[2]!) : undefined;
    if (!bytes) {
      response.setHeader("X-Error-Code", file ? "EntryNotFound" : "RepoNotFound");
      return json(404, { error: "Repository not found" });
    }
    const [from, to] = range ? /bytes=(\d+)-(\d*)/.exec(range)!.slice(1, 3).map(Number) : [0, 0];
    const end = range && to ? to + 1 : range?.endsWith("-0") ? 1 : bytes.length;
    const body = bytes.subarray(from, end);
    response.writeHead(range ? 206 : 200, {
      ETag: '"etag"',
      "Content-Type": "application/octet-stream",
      "Content-Length": body.length,
      "Content-Range": `bytes ${from}-${end - 1}/${bytes.length}`,
    });
    if (body.length > this.cutAfter) {
      response.write(body.subarray(0, this.cutAfter), () => response.destroy());
    } else response.end(body);
  }
}

/** A folder's files, without its model. */
const filesOf = async (folder: FileStore): Promise<Map<string, Uint8Array>> =>
  new Map(await Promise.all((await folder.list()).map(async (name) => [name, await folder.read(name)] as const)));

const logitsOf = (model: RobertaForMaskedLM): Promise<TypedArray> =>
  scope(() => ({
    logits: model
      .eval()
      .forward({ inputIds: tensor(new Int32Array([0, 9, 11, 2]), [1, 4]) })
      .logits!.data(),
  })).logits;

const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(["low lower"], { vocabSize: 268, minFrequency: 1 }));
let hub: Hub;
let endpoint: string;
let cacheDir: string;
let own: TypedArray;
let options: HubOptions;

beforeAll(async () => {
  const model = new RobertaForMaskedLM(tinyConfig(), { generator: new Generator(3) });
  own = await logitsOf(model);
  const store = new MemoryFolder("m");
  await model.savePretrained(store, { files: tokenizer.toFiles() });
  model.dispose();
  const files = await filesOf(store);
  hub = new Hub({ [COMMITS.main]: files, [COMMITS.old]: new Map([["config.json", files.get("config.json")!]]) });
  endpoint = await hub.start();
});
afterAll(() => hub.stop());
beforeEach(async () => {
  hub.requests.length = 0;
  hub.cutAfter = Infinity;
  cacheDir = await mkdtemp(join(tmpdir(), "tessera-hub-"));
  options = { endpoint, cacheDir };
  return () => rm(cacheDir, { recursive: true });
});

describe("a model of the hub", () => {
  it("is loaded by its name, with progress; the second time from the cache, offline too", () =>
    withoutLeaks(async () => {
      const seen: string[] = [];
      const onProgress: HubOptions["onProgress"] = ({ file, loaded, total }) =>
        void (loaded === total && seen.push(file));
      const first = await RobertaForMaskedLM.fromPretrained(REPO, { hub: { ...options, onProgress } });
      expect(await logitsOf(first.model)).toEqual(own);
      first.model.dispose();
      expect(seen).toEqual(expect.arrayContaining(["config.json", "model.safetensors", "tokenizer.json"]));
      expect(await readFile(join(cacheDir, "models--tiny-org--tiny-roberta/refs/main"), "utf8")).toBe(COMMITS.main);
      const downloads = (): string[] => hub.requests.filter((url) => url.includes("/resolve/"));
      const count = downloads().length;
      const second = await AutoModel.fromPretrained(REPO, { hub: options });
      second.model.dispose();
      expect(downloads()).toHaveLength(count);
      hub.requests.length = 0;
      const third = await RobertaForMaskedLM.fromPretrained(REPO, { hub: { ...options, offline: true } });
      expect(await logitsOf(third.model)).toEqual(own);
      third.model.dispose();
      expect(hub.requests).toEqual([]);
      expect((await AutoTokenizer.fromPretrained(REPO, { hub: options })).encodeToIds("lower")).toEqual(
        tokenizer.encodeToIds("lower"),
      );
    }));

  it("is that of a revision", async () => {
    const folder = await openHub(REPO, { ...options, revision: "old" });
    expect(await folder.list()).toEqual(["config.json"]);
    expect(folder.name).toBe(`${REPO}@old`);
    expect(await (await openHub(REPO, { ...options, revision: COMMITS.old })).exists("model.safetensors")).toBe(false);
    await expect(folder.read("model.safetensors")).rejects.toThrow(/expected a file, got none; there are config.json/);
    await expect(folder.write(new Map())).rejects.toThrow(/expected a folder to write to, got a model of the hub/);
  });

  it("goes on where a connection ended", async () => {
    hub.cutAfter = 1000;
    const folder = await openHub(REPO, options);
    await expect(folder.read("model.safetensors")).rejects.toThrow(FileStoreError);
    const snapshot = join(cacheDir, `models--tiny-org--tiny-roberta/snapshots/${COMMITS.main}`);
    expect(await readdir(snapshot)).toEqual([".tessera-hub-model.safetensors.incomplete"]);
    hub.cutAfter = Infinity;
    const loaded: number[] = [];
    const again = await openHub(REPO, { ...options, onProgress: (progress) => void loaded.push(progress.loaded) });
    expect(readSafetensors(await again.read("model.safetensors")).tensors.size).toBeGreaterThan(10);
    expect(loaded[0]).toBeGreaterThan(1000);
    expect(await readdir(snapshot)).toEqual(["model.safetensors"]);
  });

  it("that does not exist, is private, or is out of reach, is an error that says what to do", async () => {
    const error = async (repo: string, more: HubOptions): Promise<string> =>
      String(await openHub(repo, { ...options, ...more }).catch((cause: unknown) => cause));
    expect(await error("nobody/nothing", {})).toMatch(
      /FileStoreError: nobody\/nothing: expected it at http.*, got none \(status 404\); check the name/,
    );
    expect(await error("private-org/model", {})).toMatch(
      /got status 401; it does not exist, or is private or gated: pass a token/,
    );
    expect(await error("private-org/model", { token: "hf_wrong" })).toMatch(/status 401/);
    const unreachable = { endpoint: "http://127.0.0.1:9" };
    expect(await error(REPO, unreachable)).toMatch(/got no network \(.+\); connect, or give the path of a folder/);
    expect(await error(REPO, { offline: true })).toMatch(
      /expected a copy in .*, because offline was asked for, got none; load it once with a network/,
    );
    await (await openHub(REPO, options)).read("config.json");
    expect(await error(REPO, unreachable)).toMatch(/connect, pass offline: true to take the copy in the cache/);
  });

  it("gives way to a folder of that path", async () => {
    const folder = await openFolder("tests/models");
    expect((await folder.list()).length).toBeGreaterThan(1);
    await expect(RobertaModel.fromPretrained("tests/models", { hub: options })).rejects.toThrow(
      /tests\/models\/config.json/,
    );
    expect(hub.requests).toEqual([]);
  });
});

describe("weights", () => {
  const save = async (change: (tensors: Map<string, HostTensor>) => void): Promise<MemoryFolder> => {
    const model = new RobertaForMaskedLM(tinyConfig(), { generator: new Generator(3) });
    const folder = new MemoryFolder("m");
    await model.savePretrained(folder);
    model.dispose();
    const { tensors } = readSafetensors(await folder.read("model.safetensors"));
    change(tensors);
    await folder.write(new Map([["model.safetensors", writeSafetensors(tensors)]]));
    return folder;
  };
  const KEY = "roberta.embeddings.position_embeddings.weight";

  it("of another shape are an error, or keep their first values and are named", () =>
    withoutLeaks(async () => {
      const folder = await save((tensors) =>
        tensors.set(KEY, { shape: [3, 2], dtype: "float32", data: new Float32Array(6) }),
      );
      await expect(RobertaForMaskedLM.fromPretrained(folder)).rejects.toThrow(StateDictError);
      const { model, mismatchedKeys } = await RobertaForMaskedLM.fromPretrained(folder, {
        ignoreMismatchedSizes: true,
      });
      expect(mismatchedKeys).toEqual([KEY]);
      model.dispose();
    }));

  it("that are missing or unknown are an error, or named where the load is not strict; what is not needed is not read", () =>
    withoutLeaks(async () => {
      const folder = await save((tensors) => {
        tensors.delete(KEY);
        tensors.set("odd", { shape: [1], dtype: "float32", data: new Float32Array(1) });
      });
      // A dtype that does not become one of ours spoils no file whose other tensors are needed.
      const bytes = await folder.read("model.safetensors");
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      const header = new TextDecoder()
        .decode(bytes.subarray(8, 8 + length))
        .replace('"odd":{"dtype":"F32","shape":[1]', '"odd":{"dtype":"C99","shape":[1]');
      expect(header).toContain("C99");
      bytes.set(encode(header), 8);
      await folder.write(new Map([["model.safetensors", bytes]]));
      await expect(RobertaForMaskedLM.fromPretrained(folder)).rejects.toThrow(/1 missing: .*; 1 unexpected: odd/);
      const { model, missingKeys, unexpectedKeys } = await RobertaForMaskedLM.fromPretrained(folder, { strict: false });
      expect([missingKeys, unexpectedKeys]).toEqual([[KEY], ["odd"]]);
      model.dispose();
    }));

  it("come tensor by tensor where the store reads ranges: no file is read as a whole", () =>
    withoutLeaks(async () => {
      const folder = await save(() => undefined);
      const size = (await folder.read("model.safetensors")).length;
      const reads: number[] = [];
      const counting: FileStore = {
        name: "counting",
        list: () => folder.list(),
        exists: (file) => folder.exists(file),
        read: (file) =>
          file.endsWith(".safetensors") ? Promise.reject(new Error("read as a whole")) : folder.read(file),
        size: (file) => folder.size(file),
        readRange: async (file, from, to) => {
          reads.push(to - from);
          return folder.readRange(file, from, to);
        },
        write: (files) => folder.write(files),
        append: (file, bytes) => folder.append(file, bytes),
      };
      const { model } = await RobertaForMaskedLM.fromPretrained(counting);
      expect(await logitsOf(model)).toEqual(own);
      model.dispose();
      expect(Math.max(...reads)).toBeLessThan(size / 2);
    }));

  it("of any module go to a file and come back, in one call each", () =>
    withoutLeaks(async () => {
      const make = (seed: number): Sequential =>
        new Sequential(
          new Linear(4, 3, { generator: new Generator(seed) }),
          new Linear(3, 2, { generator: new Generator(seed) }),
        );
      const [from, into] = [make(1), make(2)];
      const folder = new MemoryFolder("m");
      await saveStateDict(folder, from);
      await loadStateDict(folder, into);
      for (const [name, x] of from.stateDict())
        expect(await into.stateDict().get(name)!.data()).toEqual(await x.data());
      const narrow = new Sequential(new Linear(4, 3));
      await expect(loadStateDict(folder, narrow)).rejects.toThrow(/2 unexpected/);
      expect((await loadStateDict(folder, narrow, { strict: false, file: undefined })).unexpectedKeys).toHaveLength(2);
      for (const module of [from, into, narrow]) module.dispose();
    }));
});

describe("resizeTokenEmbeddings", () => {
  it.each([-20, 20])("by %i keeps the rows that both have, and block-sparse layers", (change) =>
    withoutLeaks(async () => {
      const model = new RobertaForMaskedLM(tinyConfig({ hiddenSize: 32, intermediateSize: 64 }), {
        generator: new Generator(3),
      });
      new BlockSparseModelPatcher()
        .addPattern(/roberta\.encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 0.5, blockSize: 8 })
        .patchModel(model);
      const before = await logitsOf(model);
      const { vocabSize } = model.config;
      const resized = await model.resizeTokenEmbeddings(vocabSize + change);
      const after = await logitsOf(resized);
      expect(resized.config.vocabSize).toBe(vocabSize + change);
      const kept = vocabSize + Math.min(0, change);
      for (let row = 0; row < 4; row++)
        expect(after.slice(row * (vocabSize + change), row * (vocabSize + change) + kept)).toEqual(
          before.slice(row * vocabSize, row * vocabSize + kept),
        );
      expect(sparseLayoutsOf(resized)).toEqual(sparseLayoutsOf(model));
      await expect(model.resizeTokenEmbeddings(0)).rejects.toThrow(/expected a whole number ≥ 1, got 0/);
      model.dispose();
      resized.dispose();
    }),
  );
});
