// Files, on runtimes that have them: Node 20.16 or newer, Deno 2 and Bun.

// The part of Node's types that is used here: the package is also compiled for browsers.
interface FileSystem {
  readFileSync(path: string): Uint8Array;
  statSync(path: string): { mtimeMs: number; size: number; ino: number };
}

interface Runtime {
  process?: { getBuiltinModule?: (name: string) => unknown };
}

/** Returns a module of Node; undefined if the runtime does not have it. */
export function builtin<T>(name: string): T | undefined {
  return (globalThis as Runtime).process?.getBuiltinModule?.(name) as T | undefined;
}

/** Reads a file. Throws an error that names the option and the file. */
export function readFile(option: string, path: string): string {
  const fs = builtin<FileSystem>("node:fs");
  if (fs === undefined) throw new TypeError(`${option}: this runtime has no files; use Node 20.16 or newer, or Deno 2`);
  try {
    return new TextDecoder().decode(fs.readFileSync(path));
  } catch (e) {
    throw new TypeError(`${option} ${JSON.stringify(path)}: ${(e as { code?: string }).code ?? (e as Error).message}`);
  }
}

/** Returns a text that differs after the files have changed. */
export function stampOf(paths: readonly string[]): string {
  return paths.map((path) => {
    try {
      const s = builtin<FileSystem>("node:fs")!.statSync(path);
      return `${s.mtimeMs} ${s.size} ${s.ino}`;
    } catch {
      return "none";
    }
  }).join();
}
