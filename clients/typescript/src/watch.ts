// Watches leases, over any number of connections.

import { between } from "./clock.js";
import type { Config } from "./config.js";
import { errorOf, Gone, LockdError, OutcomeUnknown, problemOf, Refused, Unavailable } from "./errors.js";
import type { Event } from "./model.js";
import { checkName, checkPrefix } from "./names.js";
import { jitter, maxPause, minPause, refusesToken, sleep } from "./retry.js";
import { eventOf } from "./validate.js";
import { onAbort } from "./signals.js";
import { parse } from "./json.js";
import { masked } from "./tokens.js";
import { maxAnswer, readAll, unlessAborted } from "./transport.js";

const maxSilence = 30_000; // a node sends something every 10 s

export interface WatchOptions {
  /** The name of one lease; */
  name?: string;
  /** or a prefix of the names of leases; "" is a prefix of all. */
  prefix?: string;
  /** Starts with the changes after this revision, instead of the current states. */
  after?: number;
  signal?: AbortSignal;
}

/**
 * Iterates over the changes in the order of their revisions, without gaps, until the signal aborts. If the connection
 * ends before all states at the start were received, the states are sent again, because the watch cannot resume from
 * them.
 */
export async function* watch(cfg: Config, o: WatchOptions): AsyncGenerator<Event, void, void> {
  if ((o.name === undefined) === (o.prefix === undefined)) {
    throw new TypeError('watch needs either a name or a prefix; "" is a prefix of all names');
  }
  if (o.name !== undefined) checkName(o.name);
  else checkPrefix(o.prefix);
  const start = cfg.clock();
  let after = o.after ?? 0;
  let begun = false;
  let next = cfg.route.start;
  const attempt: Attempt = { silent: 0, token: undefined };
  for (let failed = 0; ; failed++) {
    try {
      attempt.silent++;
      for await (const e of stream(cfg, next % cfg.addresses.length, o, after, attempt)) {
        begun = true;
        failed = 0;
        if (e === undefined || e.type === "") continue; // a keepalive
        if (e.type === "gone") throw new Gone("the revision to resume after is no longer in the history", { problem: problemOf(410, null, JSON.stringify(e)) });
        if (e.type !== "state") after = Math.max(after, e.revision);
        if (e.type !== "mark") yield e;
      }
      throw new Unavailable("the stream ended");
    } catch (e) {
      o.signal?.throwIfAborted();
      if (e instanceof Refused && refusesToken(e.problem?.status) && (await cfg.tokens.changed(attempt.token))) continue;
      const rounds = Math.floor((failed + 1) / cfg.addresses.length);
      const hopeless = !begun && rounds > 0 && between(start, cfg.clock()) >= cfg.retryFor;
      // A node may refuse to continue a watch because of a limit.
      const limited = begun && e instanceof Refused && e.problem?.status === 429 ? e.problem.retryAfter : undefined;
      if ((!(e instanceof Unavailable) && limited === undefined) || hopeless) throw e;
      next++;
      if (attempt.silent >= cfg.addresses.length && e instanceof Unavailable) cfg.reachability.silent(e);
      await sleep(Math.max(limited ?? 0, jitter(Math.min(minPause * 2 ** Math.min(rounds, 5), maxPause))), o.signal);
    }
  }
}

interface Attempt {
  silent: number; // attempts since a node last answered
  token: string | undefined; // of the last attempt
}

/** Iterates over the events of one connection. Undefined is a keepalive. */
async function* stream(
  cfg: Config, to: number, o: WatchOptions, after: number, attempt: Attempt,
): AsyncGenerator<Event | undefined, void, void> {
  const query = new URLSearchParams();
  if (o.name !== undefined) query.set("name", o.name);
  if (o.prefix) query.set("prefix", o.prefix);
  if (after > 0) query.set("after", String(after));
  const over = new AbortController();
  const stop = onAbort(o.signal, () => over.abort(o.signal?.reason));
  const silent = (): void => over.abort(new Error(`received nothing for ${maxSilence} ms`));
  let silence = setTimeout(silent, maxSilence);
  const { base } = cfg.addresses[to]!;
  try {
    attempt.token = await unlessAborted(over.signal, Promise.resolve(cfg.tokens.current()));
    const headers = cfg.headersFor(attempt.token, { accept: "text/event-stream" });
    const reply = await unlessAborted(over.signal, cfg.transport({
      method: "GET", base, path: `/v1/watch?${query}`, headers, timeout: cfg.attemptTimeout(), signal: over.signal, background: false, sent: false,
    }));
    attempt.silent = 0;
    cfg.reachability.answered(cfg.clock());
    if (reply.status !== 200) {
      const text = masked(await unlessAborted(over.signal, readAll(reply.body)), attempt.token);
      const error = errorOf(problemOf(reply.status, reply.retryAfter, text));
      throw error instanceof OutcomeUnknown ? new Unavailable(error.message, { problem: error.problem }) : error;
    }
    const parser = new Parser();
    const decoder = new TextDecoder();
    const chunks = reply.body[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await unlessAborted(over.signal, chunks.next());
      if (done) return;
      clearTimeout(silence);
      yield* parser.feed(decoder.decode(value as Uint8Array, { stream: true }));
      silence = setTimeout(silent, maxSilence);
    }
  } catch (e) {
    throw e instanceof LockdError ? e : new Unavailable(`the stream failed: ${(e as Error | null)?.message || String(e)}`, { cause: e });
  } finally {
    clearTimeout(silence);
    stop();
    over.abort();
  }
}

/** Parser reads the events of a text/event-stream. */
export class Parser {
  #rest = "";
  #fields = new Map<string, string>();
  #size = 0; // of the current message

  *feed(chunk: string): Generator<Event | undefined, void, void> {
    const lines = chunk.split("\n");
    lines[0] = this.#rest + lines[0]!;
    this.#rest = lines.pop()!;
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith(":")) yield undefined;
      else if (line !== "") this.#field(line);
      else if (this.#fields.size > 0) yield this.#message();
    }
    this.#bound(this.#rest.length);
  }

  /** Throws if the current message and so many more characters are too long. */
  #bound(more: number): void {
    if (this.#size + more > maxAnswer) throw new Unavailable(`a message of the stream is longer than ${maxAnswer} bytes`);
  }

  #field(line: string): void {
    this.#bound(line.length);
    this.#size += line.length;
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    const before = name === "data" ? this.#fields.get(name) : undefined;
    this.#fields.set(name, before === undefined ? value : `${before}\n${value}`);
  }

  #message(): Event {
    const fields = this.#fields;
    this.#fields = new Map();
    this.#size = 0;
    try {
      return eventOf(fields.get("event"), fields.get("id"), parse(fields.get("data") || "{}"));
    } catch (cause) {
      throw new Unavailable(`cannot read a message of the stream: ${String(cause)}`, { cause });
    }
  }
}
