// One request, to whichever node answers.

import { between, type Instant } from "./clock.js";
import type { Config } from "./config.js";
import { errorOf, LockdError, OutcomeUnknown, problemOf, Unavailable } from "./errors.js";

export const minPause = 50;
export const maxPause = 1_000;

/** Between half of d and d. */
export const jitter = (d: number): number => d * (0.5 + Math.random() / 2);

export const leasePath = (name: string, verb = ""): string =>
  `/v1/leases/${encodeURIComponent(name)}${verb && `/${verb}`}`;

/** Waits; an abort ends the wait by its reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    };
    const timer = setTimeout(() => (done(), resolve()), Math.min(ms, 2 ** 31 - 1));
    const stop = (): void => (done(), reject(signal?.reason));
    signal?.addEventListener("abort", stop);
  });
}

/** What attempts came to while none had an answer that stands. */
export class Heard {
  unknown: LockdError | undefined; // one of them may have been applied
  answer: LockdError | undefined; // the last that said that it was not

  take(error: LockdError): void {
    if (error instanceof OutcomeUnknown) this.unknown = error;
    else if (error.problem !== undefined) this.answer = error;
  }

  /** What a call throws that has to end without an answer that stands. */
  failure(error: LockdError): LockdError {
    if (this.unknown !== undefined && this.answer !== undefined) {
      return new OutcomeUnknown(`${this.unknown.message}; the last answer was: ${this.answer.message}`, {
        problem: this.unknown.problem,
        cause: this.unknown.cause,
      });
    }
    return this.unknown ?? this.answer ?? error;
  }
}

export interface Call<T> {
  method: "GET" | "POST";
  path: string;
  /** Body and timeout of an attempt that begins so long after the call. */
  prepare: (elapsed: number) => { body?: object; timeout: number };
  /** Makes what is returned of the JSON of a 2xx; throws where it is of another form. */
  read: (raw: unknown) => T;
  repeatable?: boolean; // sent twice it does what it does once; by default yes
  budget?: number; // the call ends after so long, whatever came
  heard?: Heard;
  signal?: AbortSignal | undefined;
}

type Outcome<T> = { value: T } | { error: LockdError; sent: boolean };

/**
 * Goes round the addresses until one gives an answer that stands, and returns what
 * is read of it and when its request was sent. What certainly was not applied goes to the
 * next address; what is unknown only where a repeat is harmless. Once an outcome
 * was unknown it stays so until an answer stands.
 */
export async function send<T>(cfg: Config, call: Call<T>): Promise<{ value: T; sent: Instant }> {
  const heard = call.heard ?? new Heard();
  const start = cfg.clock();
  const first = cfg.last;
  const count = cfg.addresses.length;
  for (let pause = minPause; ; pause = Math.min(2 * pause, maxPause)) {
    let refused = 0;
    let wait = 0;
    let error = new LockdError("no address");
    for (let n = 0; n < count; n++) {
      call.signal?.throwIfAborted();
      const to = (first + n) % count;
      const sent = cfg.clock();
      const elapsed = between(start, sent);
      let { body, timeout } = call.prepare(elapsed);
      if (call.budget !== undefined) {
        timeout = Math.min(timeout, call.budget - elapsed);
        if (timeout <= 0) throw heard.failure(new Unavailable("no node answered in time"));
      }
      const outcome = await attempt(cfg, call, cfg.addresses[to]!, body, timeout);
      if ("value" in outcome) {
        settle(cfg, heard, to);
        return { value: outcome.value, sent };
      }
      error = outcome.error;
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) {
        settle(cfg, heard, to);
        throw error;
      }
      if (!outcome.sent) refused++;
      heard.take(error);
      if (heard.unknown !== undefined && call.repeatable === false) throw heard.failure(error);
      if (error.problem?.type === "overloaded") wait = Math.max(wait, error.problem.retryAfter);
    }
    if (refused === count) heard.answer = undefined; // nobody is there any more
    if (refused === count || between(start, cfg.clock()) >= cfg.retryFor) throw heard.failure(error);
    await sleep(Math.max(wait, jitter(pause)), call.signal);
  }
}

function settle(cfg: Config, heard: Heard, to: number): void {
  cfg.last = to;
  heard.unknown = heard.answer = undefined;
}

async function attempt<T>(cfg: Config, call: Call<T>, to: string, body: object | undefined, timeout: number): Promise<Outcome<T>> {
  const init: RequestInit = { method: call.method, redirect: "manual", headers: { accept: "application/json" } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${Math.round(timeout)} ms`)), timeout);
  const stop = (): void => limit.abort(call.signal?.reason);
  call.signal?.addEventListener("abort", stop);
  try {
    const answer = await cfg.fetch(to + call.path, { ...init, signal: limit.signal });
    const said = await answer.text();
    if (answer.ok) return { value: call.read(JSON.parse(said)) };
    const error = errorOf(problemOf(answer.status, answer.headers.get("retry-after"), said));
    if (call.method === "GET" && error instanceof OutcomeUnknown) {
      return { error: new Unavailable(error.message, { problem: error.problem }), sent: true };
    }
    return { error, sent: true };
  } catch (cause) {
    call.signal?.throwIfAborted();
    return broken(call, cause);
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener("abort", stop);
  }
}

// What Node's fetch says where no connection was made. A browser says nothing, and
// so its failures count as sent.
const notSent = new Set([
  "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "UND_ERR_CONNECT_TIMEOUT",
]);

function broken<T>(call: Call<T>, cause: unknown): Outcome<T> {
  const why = cause as { message?: string; cause?: { code?: string; message?: string } };
  const sent = !notSent.has(why.cause?.code ?? "");
  const text = why.cause?.message || why.message || String(cause);
  if (!sent || call.method === "GET") return { error: new Unavailable(`no answer: ${text}`, { cause }), sent };
  return { error: new OutcomeUnknown(`outcome unknown: ${text}`, { cause }), sent };
}
