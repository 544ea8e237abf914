// Aborts and timers of programs that have many of them.

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls once when the signal aborts, and returns how not to. However many wait for one
 * signal, it has one listener of theirs: Node warns of a leak at the eleventh.
 */
export function onAbort(signal: AbortSignal | undefined, call: () => void): () => void {
  if (signal === undefined) return () => {};
  const calls = listeners.get(signal) ?? listen(signal);
  const own = (): void => call(); // one function may wait twice
  calls.add(own);
  return () => {
    calls.delete(own);
    if (calls.size === 0 && listeners.get(signal) === calls) {
      listeners.delete(signal);
      signal.removeEventListener("abort", stopOf.get(calls)!);
    }
  };
}

const stopOf = new WeakMap<Set<() => void>, () => void>();

function listen(signal: AbortSignal): Set<() => void> {
  const calls = new Set<() => void>();
  const stop = (): void => {
    listeners.delete(signal);
    for (const call of [...calls]) call();
  };
  listeners.set(signal, calls);
  stopOf.set(calls, stop);
  signal.addEventListener("abort", stop, { once: true });
  return calls;
}

interface Runtime {
  Deno?: { unrefTimer?: (id: number) => void };
}

/** Lets the process end although this timer runs. In a browser it does nothing. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  const t = timer as unknown as number | { unref?: () => void };
  if (typeof t === "number") (globalThis as Runtime).Deno?.unrefTimer?.(t);
  else t.unref?.();
}
