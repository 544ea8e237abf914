// One request, to whichever node answers.

import type { Endpoint } from "./address.js";
import { between, type Instant } from "./clock.js";
import type { Config } from "./config.js";
import { errorOf, LockdError, OutcomeUnknown, problemOf, Unavailable } from "./errors.js";
import { onAbort, unref } from "./signals.js";
import { parse } from "./json.js";
import { NotSent, readAll, type Request, unlessAborted } from "./transport.js";

export const minPause = 50;
export const maxPause = 1_000;

/** Between half of d and d. */
export const jitter = (d: number): number => d * (0.5 + Math.random() / 2);

export const leasePath = (name: string, verb = ""): string =>
  `/v1/leases/${encodeURIComponent(name)}${verb && `/${verb}`}`;

/** Waits; an abort ends the wait by its reason. In the background it does not keep the process. */
export function sleep(ms: number, signal?: AbortSignal, background = false): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => (stop(), resolve()), Math.min(ms, 2 ** 31 - 1));
    if (background) unref(timer);
    const stop = onAbort(signal, () => (clearTimeout(timer), reject(signal?.reason)));
  });
}

/** What attempts came to while none had an answer that stands. */
export class AttemptErrors {
  unknown: LockdError | undefined; // one of them may have been applied
  doubtful = false; // one of them may have been applied, whatever a later one was answered
  answer: LockdError | undefined; // the last that said that it was not

  take(error: LockdError): void {
    if (error instanceof OutcomeUnknown) {
      this.unknown = error;
      this.doubtful = true;
    } else if (error.problem !== undefined) {
      this.answer = error;
    }
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
  /**
   * What is sent by an attempt that begins so long after the call. The timeout is that of
   * resolving, connecting, sending and reading, in addition to the wait that it asks for.
   */
  prepare: (elapsed: number) => { body?: object; timeout: number; wait?: number };
  /** Makes what is returned of the JSON of a 2xx; throws where it is of another form. */
  read: (raw: unknown) => T;
  repeatable?: boolean; // sent twice it does what it does once; by default yes
  budget?: number | undefined; // the call ends after so long, whatever came
  background?: boolean; // it does not keep the process
  attemptErrors?: AttemptErrors;
  signal?: AbortSignal | undefined;
}

export interface PostOptions {
  ttl?: number; // of the lease that it is about
  budget?: number | undefined;
  repeatable?: boolean;
  background?: boolean;
  attemptErrors?: AttemptErrors;
  signal?: AbortSignal | undefined;
}

/** Sends one body until an answer is final. */
export function post<T>(
  cfg: Config, path: string, body: object, read: (raw: unknown) => T, o: PostOptions = {},
): Promise<{ value: T; sent: Instant }> {
  const timeout = cfg.attemptTimeout(o.ttl);
  return send(cfg, { method: "POST", path, prepare: () => ({ body, timeout }), read, ...o });
}

type Outcome<T> = { answered: boolean; sent: boolean } & ({ value: T } | { error: LockdError });

/**
 * Goes round the addresses until one gives an answer that stands, and returns what
 * is read of it and when its request was sent. What certainly was not applied goes to the
 * next address; what is unknown only where a repeat is harmless. Once an outcome
 * was unknown it stays so until an answer stands.
 */
export async function send<T>(cfg: Config, call: Call<T>): Promise<{ value: T; sent: Instant }> {
  const attemptErrors = call.attemptErrors ?? new AttemptErrors();
  const start = cfg.clock();
  const first = cfg.last;
  const count = cfg.addresses.length;
  for (let pause = minPause; ; pause = Math.min(2 * pause, maxPause)) {
    let refused = 0;
    let answered = false;
    let wait = 0;
    let error = new LockdError("no address");
    for (let n = 0; n < count; n++) {
      call.signal?.throwIfAborted();
      const to = (first + n) % count;
      const sent = cfg.clock();
      const elapsed = between(start, sent);
      let { body, timeout, wait: waits = 0 } = call.prepare(elapsed);
      if (call.budget !== undefined) {
        timeout = Math.min(timeout, call.budget - elapsed);
        if (timeout <= 0) throw attemptErrors.failure(new Unavailable("no node answered in time"));
      }
      const outcome = await attempt(cfg, { ...call, attemptErrors }, cfg.addresses[to]!, body, timeout, waits);
      if (outcome.answered) {
        answered = true;
        cfg.reachability.answered(cfg.clock());
      }
      if ("value" in outcome) {
        settle(cfg, attemptErrors, to);
        return { value: outcome.value, sent };
      }
      error = outcome.error;
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) {
        settle(cfg, attemptErrors, to);
        throw error;
      }
      if (!outcome.sent) refused++;
      attemptErrors.take(error);
      if (attemptErrors.unknown !== undefined && call.repeatable === false) throw attemptErrors.failure(error);
      if (error.problem?.type === "overloaded") wait = Math.max(wait, error.problem.retryAfter);
    }
    if (refused === count) attemptErrors.answer = undefined; // nobody is there any more
    if (!answered) cfg.reachability.silent(error);
    const now = cfg.clock();
    const left = Math.min(cfg.retryFor, call.budget ?? Infinity) - between(start, now);
    if (refused === count || left <= 0 || cfg.reachability.silence(start, now) >= cfg.unreachableTimeout) throw attemptErrors.failure(error);
    await sleep(Math.max(Math.min(wait, left), jitter(pause)), call.signal, call.background);
  }
}

function settle(cfg: Config, attemptErrors: AttemptErrors, to: number): void {
  cfg.last = to;
  attemptErrors.unknown = attemptErrors.answer = undefined;
}

async function attempt<T>(
  cfg: Config, call: Call<T> & { attemptErrors: AttemptErrors }, to: Endpoint, body: object | undefined, timeout: number, wait: number,
): Promise<Outcome<T>> {
  const limit = new AbortController();
  const headers = { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const request: Request = {
    method: call.method, base: to.base, path: call.path, headers: cfg.headersFor(to, headers), timeout, signal: limit.signal,
    background: call.background ?? false, sent: false, body: body === undefined ? undefined : JSON.stringify(body),
  };
  const begun = cfg.clock();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${Math.round(timeout + wait)} ms`)), timeout + wait);
  if (request.background) unref(timer);
  const stop = onAbort(call.signal, () => limit.abort(call.signal?.reason));
  let answered = false;
  try {
    const reply = await unlessAborted(limit.signal, cfg.transport(request));
    const said = await unlessAborted(limit.signal, readAll(reply.body));
    answered = true;
    if (reply.status >= 200 && reply.status <= 299) return { value: call.read(parse(said)), answered, sent: true };
    const error = errorOf(problemOf(reply.status, reply.retryAfter, said));
    if (call.method === "GET" && error instanceof OutcomeUnknown) {
      return { error: new Unavailable(error.message, { problem: error.problem }), answered, sent: true };
    }
    return { error, answered, sent: true };
  } catch (cause) {
    const sent = request.sent && !(cause instanceof NotSent);
    if (call.signal?.aborted) {
      call.attemptErrors.doubtful ||= sent;
      throw call.signal.reason;
    }
    // A load balancer cuts a long wait like that, so it was reachable.
    const cut = sent && !limit.signal.aborted && between(begun, cfg.clock()) >= cfg.unreachableTimeout;
    return { error: broken(call.method, sent, cause), answered: answered || cut, sent };
  } finally {
    clearTimeout(timer);
    stop();
    limit.abort();
  }
}

function broken(method: string, sent: boolean, cause: unknown): LockdError {
  const why = cause as { message?: string; code?: string; cause?: { message?: string } } | null;
  const text = (cause instanceof NotSent ? undefined : why?.cause?.message) || why?.message || why?.code || String(cause);
  if (!sent || method === "GET") return new Unavailable(`no answer: ${text}`, { cause });
  return new OutcomeUnknown(`outcome unknown: ${text}`, { cause });
}
