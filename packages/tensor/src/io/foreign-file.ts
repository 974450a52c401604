/** What a file is, when it is not what it should be. */
export interface ForeignFile {
  /** `page`: HTML or XML; `json`: text that begins like JSON; `archive`: packed or pickled; `binary`: another format with a mark. */
  readonly kind: "pointer" | "page" | "json" | "archive" | "binary";
  /** As an error says it: `a pointer of Git LFS`. */
  readonly what: string;
  /** What to do. */
  readonly advice: string;
}

const UNPACK = "unpack it first";
const DOWNLOAD = "download the file itself";
const CONVERT = "save the weights as safetensors: transformers' save_pretrained(dir, safe_serialization=True)";

/** The first bytes of formats that stand where another file should. */
const MARKS: readonly (readonly [mark: readonly number[], kind: ForeignFile["kind"], what: string, advice: string])[] =
  [
    [[0x50, 0x4b, 3, 4], "archive", "a zip archive, as torch.save writes (pickle inside)", CONVERT],
    [[0x50, 0x4b, 5, 6], "archive", "an empty zip archive", DOWNLOAD],
    [[0x1f, 0x8b], "archive", "a gzip archive", UNPACK],
    [[0x28, 0xb5, 0x2f, 0xfd], "archive", "a zstd archive", UNPACK],
    [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "archive", "an xz archive", UNPACK],
    [[0x42, 0x5a, 0x68], "archive", "a bzip2 archive", UNPACK],
    [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "archive", "a 7z archive", UNPACK],
    [[0x89, 0x48, 0x44, 0x46], "binary", "an HDF5 file, as Keras writes", CONVERT],
    [
      [0x47, 0x47, 0x55, 0x46],
      "binary",
      "a GGUF file, as llama.cpp reads",
      "give the safetensors that it was made from",
    ],
    [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], "binary", "a NumPy array", "write it with safetensors.numpy"],
    [[0x25, 0x50, 0x44, 0x46], "binary", "a PDF", DOWNLOAD],
  ];

/** Marks that an ordinary text may begin with count only before what no text has. */
const isText = (bytes: Uint8Array): boolean =>
  bytes.subarray(0, 512).every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13));

const beginning = (bytes: Uint8Array): string =>
  new TextDecoder().decode(bytes.subarray(0, 512)).replace(/^[\ufeff\s]+/, "");

/** A pickle begins with its protocol; those of torch before 1.6 say 2. */
const isPickle = ([mark, protocol]: Uint8Array): boolean =>
  mark === 0x80 && protocol !== undefined && protocol >= 2 && protocol <= 5;

/** ustar, 257 bytes into the first header. */
const isTar = (bytes: Uint8Array): boolean =>
  [0x75, 0x73, 0x74, 0x61, 0x72].every((byte, i) => bytes[257 + i] === byte);

/**
 * Recognises a file that stands in the place of another: a pointer of Git LFS, a web page, an archive, a pickle. `null` when it
 * is nothing that is known.
 */
export const foreignFile = (bytes: Uint8Array): ForeignFile | null => {
  for (const [mark, kind, what, advice] of MARKS)
    if (mark.every((byte, i) => bytes[i] === byte) && !isText(bytes)) return { kind, what, advice };
  if (isPickle(bytes)) return { kind: "archive", what: "a pickle, as torch.save wrote before 1.6", advice: CONVERT };
  if (isTar(bytes)) return { kind: "archive", what: "a tar archive", advice: UNPACK };
  const text = beginning(bytes);
  if (/^version https:\/\/(git-lfs|hawser)\.github\.com\//.test(text))
    return {
      kind: "pointer",
      what: "a pointer of Git LFS, which stands for the file",
      advice: "fetch the file with `git lfs pull`, or download it",
    };
  if (/^<(!doctype html|html|head|body|script|title)\b/i.test(text))
    return { kind: "page", what: "a web page (HTML)", advice: `${DOWNLOAD}; the address may need a login` };
  if (/^<(\?xml|!doctype|!--|[a-z][\w:-]*[\s/>])/i.test(text))
    return { kind: "page", what: "an XML document", advice: `${DOWNLOAD}; is it the answer of a server?` };
  if (/^(\{\s*["}]|\[\s*["{[\]\d])/.test(text))
    return {
      kind: "json",
      what: `a JSON text, ${excerpt(text)}`,
      advice: `${DOWNLOAD}; is it the answer of a server?`,
    };
  return null;
};

/** The beginning of a text as an error shows it. */
export const excerpt = (text: string, max = 60): string =>
  JSON.stringify(text.length > max ? `${text.slice(0, max - 1)}…` : text);
