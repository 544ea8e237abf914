// State that changes with time: hooks that load, follow and count down.
import { useEffect, useRef, useState } from "./preact.js";
import { get, read, watch } from "./api.js";

// useNow renders again at least every ms milliseconds, while the page is visible, and returns the time.
export function useNow(ms = 1000) {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || set(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

// useLoad loads a path now, when it changes, and every ms milliseconds. at is when the data were true. reload loads at
// once, at most every half second.
export function useLoad(path, ms = 5000) {
  const [state, set] = useState({ loading: true });
  const again = useRef(() => {});
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let last = 0;
    let running = false;
    let wanted = false;
    let refused = false;
    const load = async () => {
      clearTimeout(timer);
      if (running) {
        wanted = true;
        return;
      }
      running = true;
      wanted = false;
      last = Date.now();
      try {
        const sent = Date.now();
        const data = await (path.startsWith("v1/leases") ? read : get)(path, stop.signal);
        set({ data, at: sent, path });
      } catch (problem) {
        refused = problem.status === 403; // the rights of a token do not change often: the page is loaded again for them
        if (!stop.signal.aborted) set((s) => ({ ...(s.path === path ? s : {}), problem, path }));
      }
      running = false;
      if (!stop.signal.aborted && !refused) timer = setTimeout(tick, wanted ? 500 : ms);
    };
    const tick = () => {
      if (document.hidden) timer = setTimeout(tick, ms);
      else load();
    };
    again.current = () => {
      clearTimeout(timer);
      timer = setTimeout(load, Math.max(0, last + 500 - Date.now()));
    };
    set((s) => (s.path === path ? s : { loading: true, path }));
    load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, ms]);
  return { ...(state.path === path ? state : { loading: true }), reload: () => again.current() };
}

// useWatch calls event for each event of some leases, and returns the state of the connection.
export function useWatch({ name, prefix, after, event }) {
  const [state, set] = useState({ state: "connecting" });
  const current = useRef(event);
  current.current = event;
  const ready = after !== undefined;
  useEffect(() => {
    if (!ready) return undefined;
    const stop = new AbortController();
    watch({
      name, prefix, after, signal: stop.signal,
      event: (e) => current.current(e),
      state: (s, problem) => set((before) => (before.state === s ? before : { state: s, problem })),
    });
    return () => stop.abort();
  }, [name, prefix, ready]);
  return state;
}

// remaining returns how much of ms is left now, if it was true at a time.
export const remaining = (ms, at, now) => (ms === undefined || ms === null ? undefined : Math.max(0, ms - (now - at)));
