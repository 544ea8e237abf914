// A transport with node:http instead of fetch. It reports whether a request was sent, limits each connect, uses no
// proxy of the environment, and resets the connection of an abandoned attempt.

import { type Reply, NotSent, type Request, type Transport } from "./transport.js";
import { onAbort, unref } from "./signals.js";
import type { Secure } from "./tls.js";

const nextAfter = 250; // until the next IP address is tried as well (RFC 8305)
const maxConnect = 2_000; // for one IP address
const connectDivisor = 3; // one IP address gets at most a third of the attempt's time
const sendDivisor = 4; // nothing is sent if less than a quarter of the attempt's time is left
const maxAddresses = 16; // of one host
const maxHeaders = 256 << 10;
const maxIdle = 30_000; // a node closes idle connections after two minutes

// The part of Node's types that is used here: the package is also compiled for browsers.
interface Emitter {
  on(event: string, call: (arg: never) => void): this;
  once(event: string, call: (arg: never) => void): this;
}
interface Socket extends Emitter {
  destroy(error?: Error): void;
  resetAndDestroy?(): void;
  unref(): void;
  setNoDelay(): void;
}
interface Message extends Emitter, AsyncIterable<Uint8Array> {
  statusCode: number;
  headers: Record<string, string | undefined>;
}
interface ClientRequest extends Emitter {
  end(body?: string): void;
  destroy(error?: unknown): void;
}
type Connected = (error: Error | null, socket?: Socket) => void;
interface Connect {
  host: string;
  port: number;
  attempt: Request;
}
interface Http {
  request(options: object): ClientRequest;
  Agent: new (options: object) => { createConnection(options: Connect, done: Connected): void };
}
export type Lookup = (
  host: string, options: { all: true; verbatim: true }, done: (error: Error | null, found: { address: string; family: number }[]) => void,
) => void;
interface Modules {
  http: Http;
  https: Http;
  connect(options: object): Socket;
  secure(options: object): Socket;
  lookup: Lookup;
  isIP(host: string): number;
}

interface Runtime {
  process?: { versions?: { node?: string }; getBuiltinModule?: (name: string) => unknown };
  Deno?: unknown;
  Bun?: unknown;
}

function modules(): Modules | undefined {
  const { process, Deno, Bun } = globalThis as Runtime;
  const load = process?.getBuiltinModule;
  if (process?.versions?.node === undefined || load === undefined || Deno !== undefined || Bun !== undefined) return undefined;
  const net = load("node:net") as { connect: Modules["connect"]; isIP: Modules["isIP"] };
  return {
    http: load("node:http") as Http,
    https: load("node:https") as Http,
    connect: net.connect,
    secure: (load("node:tls") as { connect: Modules["secure"] }).connect,
    lookup: (load("node:dns") as { lookup: Lookup }).lookup,
    isIP: net.isIP,
  };
}

/**
 * Returns a transport with node:http; undefined if this is not Node 20.16 or newer. loadTls returns a function for the
 * TLS options of each new connection.
 */
export function nodeTransport(lookup?: Lookup, loadTls: () => Secure | undefined = () => undefined): Transport | undefined {
  const found = modules();
  if (found === undefined) return undefined;
  const m = lookup === undefined ? found : { ...found, lookup };
  const raw = new WeakMap<Socket, Socket>(); // the TCP socket of each TLS socket
  const options = { keepAlive: true, timeout: maxIdle };
  const tlsOptions = loadTls();
  const plain = new m.http.Agent(options);
  plain.createConnection = (o, done) => open(m, o, done, (tcp, up) => up(null, tcp));
  const secure = new m.https.Agent(options);
  secure.createConnection = (o, done) => open(m, o, done, (tcp, up) => {
    const servername = m.isIP(o.host) === 0 ? o.host.replace(/\.$/, "") : "";
    const tls = m.secure({ socket: tcp, host: o.host, servername, ...tlsOptions?.() });
    raw.set(tls, tcp);
    tls.once("secureConnect", () => up(null, tls));
    tls.on("error", (e: Error) => up(e));
  });
  return (r) => exchange(r.base.startsWith("https:") ? [m.https, secure] : [m.http, plain], r, raw);
}

function exchange([http, agent]: [Http, object], r: Request, raw: WeakMap<Socket, Socket>): Promise<Reply> {
  const url = new URL(r.base);
  const base = r.base.slice(r.base.indexOf("/", "https://".length)); // URL would change a path
  const headers: Record<string, string> = { ...r.headers, host: r.base.split("/")[2]! };
  if (r.body !== undefined) headers["content-length"] = String(new TextEncoder().encode(r.body).byteLength);
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined;
    let over = false;
    const request = http.request({
      agent, method: r.method, path: (base.startsWith("/") ? base : "") + r.path, headers, maxHeaderSize: maxHeaders,
      host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) || (url.protocol === "https:" ? 443 : 80), attempt: r,
    });
    const stop = onAbort(r.signal, () => {
      if (over) return;
      if (socket !== undefined) reset(raw.get(socket) ?? socket);
      request.destroy(r.signal.reason);
    });
    request.once("socket", (s: Socket) => {
      socket = s;
      r.sent = true;
      if (r.background) s.unref();
    });
    request.on("error", (e: Error) => {
      stop();
      reject(e);
    });
    request.once("response", (answer: Message) => {
      answer.once("end", () => ((over = true), stop()));
      answer.once("close", stop);
      answer.on("error", () => {}); // the reader of the body receives it
      const header = (name: string): string | null => answer.headers[name] ?? null;
      resolve({
        status: answer.statusCode, retryAfter: header("retry-after"), node: header("lockd-node"), leader: header("lockd-leader"), body: answer,
      });
    });
    request.end(r.body);
  });
}

/** Resets a connection: the kernel discards what it has not sent, so that no copy of the request arrives later. */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy?.();
  } catch {
    // not a TCP socket
  }
  socket.destroy();
}

/** Connects to one of a host's IP addresses. Reports an error if the attempt has ended or has no time left to send. */
function open(m: Modules, o: Connect, done: Connected, up: (tcp: Socket, up: Connected) => void): void {
  const { timeout, signal } = o.attempt;
  const start = performance.now();
  let reported = false;
  const report: Connected = (error, socket) => {
    if (reported) return;
    reported = true;
    stop();
    if (error === null && performance.now() - start > timeout - timeout / sendDivisor) {
      error = new NotSent("connected too late to send a request; nothing was sent");
    }
    if (error !== null) {
      if (socket !== undefined) reset(socket);
      race?.();
      done(error);
    } else {
      done(null, socket);
    }
  };
  const stop = onAbort(signal, () => report(signal.reason as Error));
  let race: (() => void) | undefined;
  resolve(m, o.host, (error, ips) => {
    if (reported) return;
    if (error !== null) return report(error);
    race = connectAny(m, ips, o, (e, tcp) => {
      if (e !== null || tcp === undefined || reported) {
        if (tcp !== undefined) reset(tcp);
        return report(e ?? new Error("the attempt was abandoned"));
      }
      const whole = race;
      race = () => (whole?.(), reset(tcp)); // during the TLS handshake
      up(tcp, report);
    });
  });
}

function resolve(m: Modules, host: string, done: (error: Error | null, ips: string[]) => void): void {
  if (m.isIP(host) !== 0) return done(null, [host]);
  m.lookup(host, { all: true, verbatim: true }, (error, found) => {
    if (error !== null) return done(error, []);
    if (found.length === 0) return done(new Error(`${host} has no IP address`), []);
    const [first, other] = [true, false].map((same) => found.filter((f) => (f.family === found[0]!.family) === same));
    const all = first!.flatMap((f, i) => (other![i] === undefined ? [f] : [f, other![i]!])).concat(other!.slice(first!.length));
    done(null, all.slice(0, maxAddresses).map((f) => f.address));
  });
}

/**
 * Connects to the IP addresses. It starts the next connect 250 ms after the last one, or when the last one has failed,
 * and reports the first connection. Returns a function that stops it.
 */
function connectAny(m: Modules, ips: string[], o: Connect, done: Connected): () => void {
  const left = [...ips];
  const under = new Map<Socket, () => void>(); // connects in progress, each with a function that stops it
  const limit = Math.min(maxConnect, o.attempt.timeout / connectDivisor);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const end = (): void => {
    over = true;
    clearTimeout(timer);
    for (const stop of under.values()) stop();
  };
  const next = (): void => {
    clearTimeout(timer);
    const host = left.shift();
    if (host === undefined || over) return;
    const tcp = m.connect({ host, port: o.port, keepAlive: true, keepAliveInitialDelay: 15_000 });
    const late = setTimeout(() => tcp.destroy(new Error(`${host} did not accept a connection within ${Math.round(limit)} ms`)), limit);
    under.set(tcp, () => (clearTimeout(late), tcp.destroy()));
    tcp.setNoDelay();
    if (o.attempt.background) [tcp.unref(), unref(late)];
    tcp.on("error", (e: Error) => {
      clearTimeout(late);
      if (!under.delete(tcp) || over) return;
      if (left.length > 0) return next();
      if (under.size === 0) (end(), done(e));
    });
    tcp.once("connect", () => {
      clearTimeout(late);
      if (!under.delete(tcp) || over) return tcp.destroy();
      end();
      done(null, tcp);
    });
    if (left.length > 0) {
      timer = setTimeout(next, nextAfter);
      if (o.attempt.background) unref(timer);
    }
  };
  next();
  return end;
}
