// The options of a client, and the checks that come before a request.

import { endpoint, type Endpoint } from "./address.js";
import { systemClock, type Clock } from "./clock.js";
import { checkedHeaders } from "./headers.js";
import { nodeTransport } from "./node-transport.js";
import { Reachability } from "./reachability.js";
import { Route } from "./route.js";
import { secureOptions } from "./tls.js";
import { Tokens, type Token } from "./tokens.js";
import { fetchTransport, type Transport } from "./transport.js";

export const defaultAddress = "http://127.0.0.1:7400";
export const defaultTTL = 15_000; // the cluster's default
export const timeoutsPerTTL = 3; // so many attempts without an answer must fit into a TTL
export const sessionBytes = 16; // of a random session
const defaultTimeout = 5_000;
const defaultUnreachable = 15_000;
const minTTL = 1_000;
const minPiece = 1_000;
const maxPiece = 60_000; // the longest wait of one request
export const maxTTL = 24 * 3_600_000;

/** The options of a client. All are optional. Durations are milliseconds. */
export interface ClientOptions {
  /**
   * The HTTP addresses of nodes, or of a proxy in front of them:
   * `[http[s]://]host[:port][/base/path]`. They are tried in this order, starting with the one that answered last. The
   * default port is 7400. An empty list is refused.
   */
  addresses?: string | readonly string[];
  /** The public label of the client's holds and waits; by default host name/process ID. */
  holder?: string;
  /** The secret session of this process, 16 to 128 characters; by default random. */
  session?: string;
  /**
   * Limits one attempt at one address, in addition to the wait that it asks for. A TTL must be at least three times as
   * long.
   */
  requestTimeout?: number;
  /** How long a call repeats its request while no address gives a final answer; by default 5 s. */
  retryFor?: number;
  /** Sent with each request. Headers that the client sets itself, such as Host and Content-Type, are refused. */
  headers?: Readonly<Record<string, string>>;
  /**
   * How long a call continues while no node answers, whatever its wait; by default 15 s. Elections and renewals
   * continue.
   */
  unreachableTimeout?: number;
  /**
   * The longest wait of one request, 1 s to 60 s; by default 60 s. Set it below the idle timeout of a load balancer.
   */
  waitPiece?: number;
  /**
   * Called once when no node answers, and again only after a node has answered; and for each release that failed after
   * the work under the lease had finished. By default console.warn.
   */
  onWarning?: (message: string) => void;
  /** Sends the requests. It must not have its own timeout, and must not follow redirects. */
  fetch?: typeof fetch;
  /**
   * Sent with each request as `Authorization: Bearer`, over https and to loopback only. A function is called before the
   * first request, after a 401 or a 429, and every minute.
   */
  token?: Token;
  /** A file with the token, read again after a 401 or a 429 and every minute; not in browsers. */
  tokenFile?: string;
  /**
   * A PEM file with the authorities of the nodes' certificates, instead of those of Node. This and the next two need
   * node:http: Node 20.16 or newer, without the option fetch. They are loaded again when they change, for new
   * connections.
   */
  caFile?: string;
  /** A PEM file with a client certificate and its chain; */
  certFile?: string;
  /** and one with its key. */
  keyFile?: string;
  /** Sends the token over http to other machines, too. */
  insecure?: boolean;
}

/** The configuration and state that all calls of a client share. */
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
  readonly tokens: Tokens;
  readonly warn: (message: string) => void;
  readonly route: Route;

  constructor(options: ClientOptions, readonly clock: Clock = systemClock) {
    const given = typeof options.addresses === "string" ? [options.addresses] : options.addresses ?? [defaultAddress];
    if (given.length === 0) {
      throw new TypeError(`addresses is empty: give at least one, or omit the option to use ${defaultAddress}`);
    }
    this.addresses = given.map(endpoint);
    this.route = new Route(this.addresses.length);
    this.session = options.session ?? randomHex(sessionBytes);
    this.holder = options.holder ?? defaultHolder(this.session);
    this.timeout = options.requestTimeout;
    if (this.timeout !== undefined && !(this.timeout > 0)) {
      throw new RangeError("requestTimeout must be greater than 0");
    }
    this.retryFor = options.retryFor ?? 5_000;
    this.unreachableTimeout = options.unreachableTimeout ?? defaultUnreachable;
    if (!(this.unreachableTimeout > 0)) throw new RangeError("unreachableTimeout must be greater than 0");
    this.piece = options.waitPiece ?? maxPiece;
    if (!(this.piece >= minPiece && this.piece <= maxPiece)) {
      throw new RangeError(`waitPiece ${this.piece} ms must be from ${minPiece} to ${maxPiece}`);
    }
    const warn = options.onWarning ?? ((message: string) => console.warn(message));
    this.warn = (message) => {
      try {
        warn(message);
      } catch {
        // an error of the program's log is not an error of the call
      }
    };
    this.tokens = new Tokens(options, clock, this.warn);
    this.tokens.checkAddresses(this.addresses, options.insecure === true);
    this.headers = checkedHeaders(options.headers ?? {}, this.tokens.given);
    this.reachability = new Reachability(this.addresses, this.warn);
    this.transport = transportOf(options, this.addresses, this.warn);
  }

  /** Returns the headers of a request. */
  headersFor(token: string | undefined, own: Record<string, string>): Record<string, string> {
    return { ...this.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...own };
  }

  /** Returns the timeout of one attempt for a lease of this TTL. */
  attemptTimeout(ttl = defaultTTL): number {
    return this.timeout ?? Math.min(defaultTimeout, ttl / (timeoutsPerTTL + 1));
  }

  /** Throws RangeError for a TTL that no node grants, or that one node without an answer could use up. */
  checkTTL(ttl: number): void {
    if (!(ttl >= minTTL && ttl <= maxTTL)) {
      throw new RangeError(`ttl ${ttl} ms must be from ${minTTL} to ${maxTTL}`);
    }
    if (this.timeout !== undefined && ttl < timeoutsPerTTL * this.timeout) {
      throw new RangeError(
        `ttl ${ttl} ms is too short for requestTimeout ${this.timeout}: it must be at least ${timeoutsPerTTL} times as long`,
      );
    }
  }
}

function transportOf(o: ClientOptions, addresses: readonly Endpoint[], warn: (message: string) => void): Transport {
  const file = (["caFile", "certFile", "keyFile"] as const).find((option) => o[option] !== undefined);
  if (file !== undefined && !addresses.some((a) => a.secure)) {
    throw new TypeError(`${file} is given, but no address begins with https://`);
  }
  const own = o.fetch === undefined ? nodeTransport(undefined, () => secureOptions(o, warn)) : undefined;
  if (own !== undefined) return own;
  if (file !== undefined) {
    throw new TypeError(`${file} has no effect with fetch; use the TLS settings of fetch or of the runtime`);
  }
  return fetchTransport(o.fetch ?? ((...of) => globalThis.fetch(...of)));
}

/** Returns secure random bytes as hexadecimal digits. */
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
