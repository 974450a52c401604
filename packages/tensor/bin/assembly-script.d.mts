export function findAssemblyScript(folder: string): { version: string; compiler: string; parser: string };
