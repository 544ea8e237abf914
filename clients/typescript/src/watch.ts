// The changes of leases, over however many connections.

import { between } from "./clock.js";
import type { Config } from "./config.js";
import { errorOf, Gone, LockdError, OutcomeUnknown, problemOf, Unavailable } from "./errors.js";
import type { Event } from "./model.js";
import { jitter, maxPause, minPause, sleep } from "./rounds.js";
import { eventOf } from "./shape.js";

const maxSilence = 30_000; // a node says something every 10 s
const maxLine = 16 << 20;

export interface WatchOptions {
  /** One lease, */
  name?: string;
  /** or all whose names begin with it; "" means all. */
  prefix?: string;
  /** Tells what came after a revision, instead of beginning with the state. */
  after?: number;
  signal?: AbortSignal;
}

/**
 * Tells changes in the order of their revisions, without a hole, until the signal
 * aborts. The states of a beginning that broke off are told again: they are no point
 * to resume from.
 */
export async function* watch(cfg: Config, o: WatchOptions): AsyncGenerator<Event, void, void> {
  if ((o.name === undefined) === (o.prefix === undefined)) {
    throw new TypeError('watch one name, or a prefix; "" is the prefix of all');
  }
  const start = cfg.clock();
  let after = o.after ?? 0;
  let begun = false;
  let next = cfg.last;
  for (let failed = 0; ; failed++) {
    try {
      for await (const e of stream(cfg, next % cfg.addresses.length, o, after)) {
        begun = true;
        failed = 0;
        if (e === undefined || e.type === "") continue; // a sign of life
        if (e.type === "gone") throw new Gone("the history is gone", { problem: problemOf(410, null, JSON.stringify(e)) });
        if (e.type !== "state") after = Math.max(after, e.revision);
        if (e.type !== "mark") yield e;
      }
      throw new Unavailable("the stream ended");
    } catch (e) {
      o.signal?.throwIfAborted();
      const rounds = Math.floor((failed + 1) / cfg.addresses.length);
      const hopeless = !begun && rounds > 0 && between(start, cfg.clock()) >= cfg.retryFor;
      if (!(e instanceof Unavailable) || hopeless) throw e;
      next++;
      await sleep(jitter(Math.min(minPause * 2 ** Math.min(rounds, 5), maxPause)), o.signal);
    }
  }
}

/** One connection's messages; undefined is a sign of life. */
async function* stream(cfg: Config, to: number, o: WatchOptions, after: number): AsyncGenerator<Event | undefined, void, void> {
  const query = new URLSearchParams();
  if (o.name !== undefined) query.set("name", o.name);
  if (o.prefix) query.set("prefix", o.prefix);
  if (after > 0) query.set("after", String(after));
  const over = new AbortController();
  const stop = (): void => over.abort(o.signal?.reason);
  o.signal?.addEventListener("abort", stop);
  let silence = setTimeout(() => over.abort(), maxSilence);
  try {
    const answer = await cfg.fetch(`${cfg.addresses[to]!}/v1/watch?${query}`, {
      headers: { accept: "text/event-stream" }, signal: over.signal, redirect: "manual",
    });
    if (!answer.ok) {
      const error = errorOf(problemOf(answer.status, answer.headers.get("retry-after"), await answer.text()));
      throw error instanceof OutcomeUnknown ? new Unavailable(error.message, { problem: error.problem }) : error;
    }
    const text = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser();
    for (;;) {
      const { value, done } = await text.read();
      if (done) return;
      clearTimeout(silence);
      yield* parser.take(value);
      silence = setTimeout(() => over.abort(), maxSilence);
    }
  } catch (e) {
    throw e instanceof LockdError ? e : new Unavailable(`the stream broke: ${String(e)}`, { cause: e });
  } finally {
    clearTimeout(silence);
    o.signal?.removeEventListener("abort", stop);
    over.abort();
  }
}

/** Makes events of a text/event-stream. */
export class Parser {
  #rest = "";
  #fields = new Map<string, string>();

  *take(chunk: string): Generator<Event | undefined, void, void> {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop()!;
    if (this.#rest.length > maxLine) throw new Unavailable("a line of the stream is too long");
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith(":")) yield undefined;
      else if (line !== "") this.#field(line);
      else if (this.#fields.size > 0) yield this.#message();
    }
  }

  #field(line: string): void {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    const before = name === "data" ? this.#fields.get(name) : undefined;
    this.#fields.set(name, before === undefined ? value : `${before}\n${value}`);
  }

  #message(): Event {
    const fields = this.#fields;
    this.#fields = new Map();
    try {
      return eventOf(fields.get("event"), fields.get("id"), JSON.parse(fields.get("data") || "{}"));
    } catch (cause) {
      throw new Unavailable(`a message of the stream cannot be read: ${String(cause)}`, { cause });
    }
  }
}
