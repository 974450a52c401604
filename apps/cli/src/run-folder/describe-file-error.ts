/** What the codes of a file system say, for those who do not know them. */
const meanings: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "there is a file of that name",
  ENOENT: "there is no such place",
  EPIPE: "its reader has closed it",
  EIO: "the device failed",
};

/** Whether an error is the file system's, of some code if one is given. */
export const isFileError = (error: unknown, code?: string): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && "syscall" in error && (code === undefined || error.code === code);

/** Describes an error of the file system in words: `ENOSPC (the disk is full)`. */
export const describeFileError = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const meaning = meanings[code];
  return meaning === undefined ? code : `${code} (${meaning})`;
};
