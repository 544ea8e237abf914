// How a client reaches a cluster, and what it refuses before it sends anything.

import { systemClock, type Clock } from "./clock.js";

export const defaultAddress = "http://127.0.0.1:7400";
export const defaultTTL = 15_000; // what the cluster gives where none is asked for
export const timeoutsPerTTL = 3; // so many silent attempts a TTL must have room for
const defaultTimeout = 5_000;
const minTTL = 1_000;
export const maxTTL = 24 * 3_600_000;

/** How a client is made. All of it may be left out. Durations are milliseconds. */
export interface ClientOptions {
  /** Nodes, "http://host:port" or "host:port", tried in this order beginning with the one that answered last. */
  addresses?: string | readonly string[];
  /** The public label of who holds or waits. */
  holder?: string;
  /** The secret of this process's life, 16 to 128 characters; random by default. */
  session?: string;
  /** Bounds one attempt at one node, beside the wait it asks for. A TTL must have room for three. */
  requestTimeout?: number;
  /** How long a call goes round the addresses while none has an answer that stands. */
  retryFor?: number;
  /** Sends the requests, instead of the global one. It must have no timeout of its own. */
  fetch?: typeof fetch;
}

/** What all calls of a client share. */
export class Config {
  readonly addresses: string[];
  readonly holder: string;
  readonly session: string;
  readonly timeout: number | undefined;
  readonly retryFor: number;
  readonly fetch: typeof fetch;
  last = 0; // index of the address that answered last

  constructor(options: ClientOptions, readonly clock: Clock = systemClock) {
    const given = typeof options.addresses === "string" ? [options.addresses] : options.addresses ?? [];
    this.addresses = (given.length > 0 ? given : [defaultAddress]).map(address);
    this.session = options.session ?? randomSession();
    this.holder = options.holder ?? defaultHolder(this.session);
    this.timeout = options.requestTimeout;
    if (this.timeout !== undefined && !(this.timeout > 0)) {
      throw new RangeError("requestTimeout must be more than nothing");
    }
    this.retryFor = options.retryFor ?? 5_000;
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  }

  /** How long one attempt about a lease of this TTL may take. */
  attemptTimeout(ttl = defaultTTL): number {
    return this.timeout ?? Math.min(defaultTimeout, ttl / (timeoutsPerTTL + 1));
  }

  /** Refuses a TTL that no node grants, and one that a silent node would cost. */
  checkTTL(ttl: number): void {
    if (!(ttl >= minTTL && ttl <= maxTTL)) {
      throw new RangeError(`ttl ${ttl} ms must be from ${minTTL} to ${maxTTL}`);
    }
    if (this.timeout !== undefined && ttl < timeoutsPerTTL * this.timeout) {
      throw new RangeError(
        `ttl ${ttl} ms is too short for requestTimeout ${this.timeout}: it must have room for ${timeoutsPerTTL}`,
      );
    }
  }
}

function address(of: string): string {
  const url = of.includes("://") ? of : `http://${of}`;
  const parts = URL.canParse(url) ? new URL(url) : undefined;
  if (parts === undefined || !/^https?:$/.test(parts.protocol) || parts.pathname !== "/") {
    throw new TypeError(`${JSON.stringify(of)} is no address: want http://host:port`);
  }
  return parts.origin;
}

function randomSession(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

interface Process {
  pid?: number;
  env?: Record<string, string | undefined>;
  getBuiltinModule?: (name: string) => unknown;
}

function defaultHolder(session: string): string {
  const process = (globalThis as { process?: Process }).process;
  const os = process?.getBuiltinModule?.("node:os") as { hostname(): string } | undefined;
  return os === undefined ? `js/${session.slice(0, 8)}` : `${os.hostname()}/${process?.pid}`;
}
