// The machine's clocks, for a holder that must rather stop too early.

/** One reading of all clocks, in milliseconds. */
export interface Instant {
  readonly mono: number;
  readonly boot: number; // counts suspensions, where the runtime tells it
  readonly wall: number;
}

export type Clock = () => Instant;

interface Os {
  uptime(): number;
}

// Node and those like it; browsers have no such clock, and their wall clock has to do.
const runtime = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
const os = runtime?.getBuiltinModule?.("node:os") as Os | undefined;

export const systemClock: Clock = () => ({
  mono: performance.now(),
  boot: os === undefined ? 0 : os.uptime() * 1000,
  wall: Date.now(),
});

/**
 * How much time has passed, in milliseconds. A forward jump of the wall clock may
 * have been a suspension and counts as elapsed; a backward jump counts for nothing.
 */
export function between(then: Instant, now: Instant): number {
  return Math.max(now.mono - then.mono, now.boot - then.boot, now.wall - then.wall);
}
