// The machine's clocks. A deadline that they measure is never too late.

/** One reading of all clocks, in milliseconds. */
export interface Instant {
  readonly mono: number;
  readonly boot: number; // counts suspensions; 0 if the runtime has no such clock
  readonly wall: number;
}

export type Clock = () => Instant;

interface Os {
  uptime(): number;
}

// Node and compatible runtimes have the boot time. Browsers do not: there only the wall clock shows a suspension.
const runtime = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
const os = runtime?.getBuiltinModule?.("node:os") as Os | undefined;

export const systemClock: Clock = () => ({
  mono: performance.now(),
  boot: os === undefined ? 0 : os.uptime() * 1000,
  wall: Date.now(),
});

/**
 * Returns how much time has passed, in milliseconds. A forward jump of the wall clock may be a suspension and counts as
 * elapsed. A backward jump counts as zero.
 */
export function between(then: Instant, now: Instant): number {
  return Math.max(now.mono - then.mono, now.boot - then.boot, now.wall - then.wall);
}
