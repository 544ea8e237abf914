// Helpers for abort signals and timers.

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls a function once when the signal aborts. Returns a function that cancels it. All calls for one signal share one
 * listener, since Node reports a leak for more than ten.
 */
export function onAbort(signal: AbortSignal | undefined, call: () => void): () => void {
  if (signal === undefined) return () => {};
  const calls = listeners.get(signal) ?? listen(signal);
  const own = (): void => call(); // the same function may be added twice
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

/** Lets the process end while this timer runs. In a browser it does nothing. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  const t = timer as unknown as number | { unref?: () => void };
  if (typeof t === "number") (globalThis as Runtime).Deno?.unrefTimer?.(t);
  else t.unref?.();
}
