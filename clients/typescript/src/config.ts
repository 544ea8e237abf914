// How a client reaches a cluster, and what it refuses before it sends anything.

import { endpoint, type Endpoint } from "./address.js";
import { systemClock, type Clock } from "./clock.js";
import { checkedHeaders } from "./headers.js";
import { nodeTransport } from "./node-transport.js";
import { Reachability } from "./reachability.js";
import { fetchTransport, type Transport } from "./transport.js";

export const defaultAddress = "http://127.0.0.1:7400";
export const defaultTTL = 15_000; // what the cluster gives where none is asked for
export const timeoutsPerTTL = 3; // so many silent attempts a TTL must have room for
export const sessionBytes = 16; // of a random session
const defaultTimeout = 5_000;
const defaultUnreachable = 15_000;
const minTTL = 1_000;
const minPiece = 1_000;
const maxPiece = 60_000; // the longest that one request may ask for
export const maxTTL = 24 * 3_600_000;

/** How a client is made. All of it may be left out. Durations are milliseconds. */
export interface ClientOptions {
  /**
   * The HTTP addresses of nodes, or of a proxy in front of them, tried in this order beginning with the one that
   * answered last: `[http[s]://][user[:password]@]host[:port][/base/path]`. Without a port it is 7400. An empty list is refused.
   */
  addresses?: string | readonly string[];
  /** The public label of who holds or waits. */
  holder?: string;
  /** The secret of this process's life, 16 to 128 characters; random by default. */
  session?: string;
  /** Bounds one attempt at one node, beside the wait it asks for. A TTL must have room for three. */
  requestTimeout?: number;
  /** How long a call goes round the addresses while none has an answer that stands. */
  retryFor?: number;
  /** Sent with each request. What the client sets itself, such as Host and Content-Type, is refused. */
  headers?: Readonly<Record<string, string>>;
  /** How long a call goes on while no node answers at all, however long it would wait; by default 15 s. Elections and renewals go on. */
  unreachableTimeout?: number;
  /** The longest that one request waits for a lease, from 1 s to 60 s. Set it below the time after which a load balancer cuts a silent request. */
  waitPiece?: number;
  /**
   * Gets one warning when no node answers, and the next one only after a node has answered again; and one for each
   * release that failed after the work under the lease had finished. By default console.warn.
   */
  onWarning?: (message: string) => void;
  /** Sends the requests. It must have no timeout of its own. */
  fetch?: typeof fetch;
}

/** What all calls of a client share. */
export class Config {
  readonly addresses: Endpoint[];
  readonly headers: Record<string, string>;
  readonly holder: string;
  readonly session: string;
  readonly timeout: number | undefined;
  readonly retryFor: number;
  readonly unreachableTimeout: number;
  readonly piece: number;
  readonly reachability: Reachability;
  readonly transport: Transport;
  readonly warn: (message: string) => void;
  last = 0; // index of the address that answered last

  constructor(options: ClientOptions, readonly clock: Clock = systemClock) {
    const given = typeof options.addresses === "string" ? [options.addresses] : options.addresses ?? [defaultAddress];
    if (given.length === 0) {
      throw new TypeError(`addresses is empty: name at least one node, or leave it out for ${defaultAddress}`);
    }
    this.addresses = given.map(endpoint);
    this.headers = checkedHeaders(options.headers ?? {}, this.addresses.some((a) => a.authorization !== undefined));
    this.session = options.session ?? randomHex(sessionBytes);
    this.holder = options.holder ?? defaultHolder(this.session);
    this.timeout = options.requestTimeout;
    if (this.timeout !== undefined && !(this.timeout > 0)) {
      throw new RangeError("requestTimeout must be more than nothing");
    }
    this.retryFor = options.retryFor ?? 5_000;
    this.unreachableTimeout = options.unreachableTimeout ?? defaultUnreachable;
    if (!(this.unreachableTimeout > 0)) throw new RangeError("unreachableTimeout must be more than nothing");
    this.piece = options.waitPiece ?? maxPiece;
    if (!(this.piece >= minPiece && this.piece <= maxPiece)) {
      throw new RangeError(`waitPiece ${this.piece} ms must be from ${minPiece} to ${maxPiece}`);
    }
    const warn = options.onWarning ?? ((message: string) => console.warn(message));
    this.warn = (message) => {
      try {
        warn(message);
      } catch {
        // a fault of the program's log is no failure of the call
      }
    };
    this.reachability = new Reachability(this.addresses, this.warn);
    this.transport = options.fetch !== undefined ? fetchTransport(options.fetch) : nodeTransport() ?? fetchTransport((...of) => globalThis.fetch(...of));
  }

  /** The headers of a request to an address. */
  headersFor(to: Endpoint, own: Record<string, string>): Record<string, string> {
    return { ...this.headers, ...(to.authorization === undefined ? {} : { authorization: to.authorization }), ...own };
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

/** Random bytes of the system, in hexadecimal digits. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
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
