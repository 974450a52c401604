import { FormatError } from "@tessera/tensor";
import { decodeUtf8, foreignFile, parseStrictJson, showJson } from "@tessera/tensor/files";
import type { FileStore } from "./file-store.ts";

/** What servers answer with in place of a file: an object of these keys alone. */
const ANSWER_KEYS = new Set([
  "error",
  "errors",
  "error_description",
  "message",
  "detail",
  "details",
  "status",
  "statuscode",
  "code",
  "title",
  "type",
  "documentation_url",
  "path",
  "timestamp",
  "requestid",
  "request_id",
]);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws FormatError when a value is what a server says in place of a file: `{"error": "Repository not found"}` */
export const refuseAnswer = (name: string, value: unknown): void => {
  const keys = isObject(value) ? Object.keys(value) : [];
  const said = keys.some((key) => /^(errors?|message|detail)$/i.test(key));
  if (said && keys.every((key) => ANSWER_KEYS.has(key.toLowerCase())))
    throw new FormatError(
      `${name}: expected a file of a model, got the error that a server answered with, ${showJson(value)}; download the file itself`,
    );
};

/**
 * A file of a folder that is a text.
 *
 * @throws FormatError when it is not UTF-8, with line and byte; when it is a web page, an archive or a pointer of Git LFS
 */
export const readText = async (folder: FileStore, file: string): Promise<string> => {
  const bytes = await folder.read(file);
  const name = `${folder.name}/${file}`;
  const foreign = foreignFile(bytes);
  if (foreign?.kind === "page")
    throw new FormatError(`${name}: expected a file of a model, got ${foreign.what}; ${foreign.advice}`);
  return decodeUtf8(bytes, name);
};

/** A file of a folder that holds a JSON object. @throws FormatError when it is none, naming what it is instead */
export const readJsonObject = async (folder: FileStore, file: string): Promise<Readonly<Record<string, unknown>>> => {
  const name = `${folder.name}/${file}`;
  const text = await readText(folder, file);
  const refuse = (got: string): never => {
    throw new FormatError(`${name}: expected a JSON object, got ${got}; is the file damaged?`);
  };
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    return refuse(text.trim() === "" ? "an empty file" : `text that is none (${(error as Error).message})`);
  }
  refuseAnswer(name, value);
  return isObject(value) ? value : refuse(showJson(value));
};
