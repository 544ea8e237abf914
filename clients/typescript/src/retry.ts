// One request, repeated at the addresses until a node gives a final answer.

import { between, type Instant } from "./clock.js";
import type { Config } from "./config.js";
import { errorOf, LockdError, OutcomeUnknown, problemOf, Unavailable } from "./errors.js";
import { onAbort, unref } from "./signals.js";
import { parse } from "./json.js";
import { masked } from "./tokens.js";
import { NotSent, readAll, type Request, unlessAborted } from "./transport.js";

export const minPause = 50;
export const maxPause = 1_000;
/** Whether a status is the answer to a wrong token; 429 if it has failed too often. */
export const refusesToken = (status: number | undefined): boolean => status === 401 || status === 429;

/** Returns a random duration from half of d to d. */
export const jitter = (d: number): number => d * (0.5 + Math.random() / 2);

export const leasePath = (name: string, verb = ""): string =>
  `/v1/leases/${encodeURIComponent(name)}${verb && `/${verb}`}`;

/**
 * Waits. If the signal aborts, the wait ends with its reason. A wait in the background does not keep the process alive.
 */
export function sleep(ms: number, signal?: AbortSignal, background = false): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => (stop(), resolve()), Math.min(ms, 2 ** 31 - 1));
    if (background) unref(timer);
    const stop = onAbort(signal, () => (clearTimeout(timer), reject(signal?.reason)));
  });
}

/** The errors of the attempts of a call that has no final answer yet. */
export class AttemptErrors {
  unknown: LockdError | undefined; // an attempt may have been applied
  mayBeApplied = false; // an attempt may have been applied, whatever the answer to a later one is
  refusal: LockdError | undefined; // the last answer that the request was not applied

  record(error: LockdError): void {
    if (error instanceof OutcomeUnknown) {
      this.unknown = error;
      this.mayBeApplied = true;
    } else if (error.problem !== undefined) {
      this.refusal = error;
    }
  }

  /** Returns the error of a call that ends without a final answer. */
  failure(error: LockdError): LockdError {
    if (this.unknown !== undefined && this.refusal !== undefined) {
      return new OutcomeUnknown(`${this.unknown.message}; the last answer was: ${this.refusal.message}`, {
        problem: this.unknown.problem,
        cause: this.unknown.cause,
      });
    }
    return this.unknown ?? this.refusal ?? error;
  }

  /** Forgets the errors, since there is a final answer. */
  clear(): void {
    this.unknown = this.refusal = undefined;
  }
}

export interface Call<T> {
  method: "GET" | "POST";
  path: string;
  /**
   * Returns what an attempt sends that begins so long after the call. The timeout covers resolving, connecting, sending
   * and reading. The wait that the request asks for is added to it.
   */
  prepare: (elapsed: number) => { body?: object; timeout: number; wait?: number };
  /** Reads the JSON of a 2xx. Throws if it does not have the expected form. */
  read: (raw: unknown) => T;
  repeatable?: boolean; // idempotent, so that it may be repeated if its outcome is unknown; by default true
  budget?: number | undefined; // limits the whole call
  background?: boolean; // does not keep the process alive
  attemptErrors?: AttemptErrors;
  signal?: AbortSignal | undefined;
}

export interface PostOptions {
  ttl?: number; // of the lease
  budget?: number | undefined;
  repeatable?: boolean;
  background?: boolean;
  attemptErrors?: AttemptErrors;
  signal?: AbortSignal | undefined;
}

/** Posts a body until there is a final answer. */
export function post<T>(
  cfg: Config, path: string, body: object, read: (raw: unknown) => T, o: PostOptions = {},
): Promise<{ value: T; sent: Instant }> {
  const timeout = cfg.attemptTimeout(o.ttl);
  return send(cfg, { method: "POST", path, prepare: () => ({ body, timeout }), read, ...o });
}

type Outcome<T> = { answered: boolean; sent: boolean } & ({ value: T } | { error: LockdError });

/**
 * Tries the addresses one after the other until one gives a final answer. Returns what was read from the answer, and
 * when its request was sent. A request that was certainly not applied is sent to the next address. A request of unknown
 * outcome is repeated only if it is idempotent. Once an outcome is unknown, it stays unknown until there is a final
 * answer.
 */
export async function send<T>(cfg: Config, call: Call<T>): Promise<{ value: T; sent: Instant }> {
  const attemptErrors = call.attemptErrors ?? new AttemptErrors();
  const start = cfg.clock();
  const count = cfg.addresses.length;
  for (let pause = minPause; ; pause = Math.min(2 * pause, maxPause)) {
    let notSent = 0;
    let answered = false;
    let wait = 0;
    let error = new LockdError("no address");
    for (const to of cfg.route.order(forwarded(call), cfg.clock())) {
      call.signal?.throwIfAborted();
      const sent = cfg.clock();
      const elapsed = between(start, sent);
      let { body, timeout, wait: waits = 0 } = call.prepare(elapsed);
      if (call.budget !== undefined) {
        timeout = Math.min(timeout, call.budget - elapsed);
        if (timeout <= 0) throw attemptErrors.failure(new Unavailable("no node answered in time"));
      }
      const outcome = await attempt(cfg, { ...call, attemptErrors }, to, body, timeout, waits);
      if (outcome.answered) {
        answered = true;
        cfg.reachability.answered(cfg.clock());
      } else {
        cfg.route.silent(to, cfg.clock());
      }
      if ("value" in outcome) {
        cfg.route.final(to);
        attemptErrors.clear();
        return { value: outcome.value, sent };
      }
      error = outcome.error;
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) {
        cfg.route.final(to);
        attemptErrors.clear();
        throw error;
      }
      if (!outcome.sent) notSent++;
      attemptErrors.record(error);
      if (attemptErrors.unknown !== undefined && call.repeatable === false) throw attemptErrors.failure(error);
      if (error.problem?.type === "overloaded") wait = Math.max(wait, error.problem.retryAfter);
    }
    if (notSent === count) attemptErrors.refusal = undefined; // the node that answered is gone
    if (!answered) cfg.reachability.silent(error);
    const now = cfg.clock();
    const left = Math.min(cfg.retryFor, call.budget ?? Infinity) - between(start, now);
    if (notSent === count || left <= 0 || cfg.reachability.silence(start, now) >= cfg.unreachableTimeout) throw attemptErrors.failure(error);
    await sleep(Math.max(Math.min(wait, left), jitter(pause)), call.signal, call.background);
  }
}

/**
 * Returns whether a follower would forward the call to the leader. A call that waits is excluded: waits keep their
 * connections, and those shall not all be at one node.
 */
function forwarded<T>(call: Call<T>): boolean {
  return !call.path.includes("stale=true") && !call.prepare(0).wait;
}

async function attempt<T>(
  cfg: Config, call: Call<T> & { attemptErrors: AttemptErrors }, to: number, body: object | undefined, timeout: number, wait: number,
): Promise<Outcome<T>> {
  const limit = new AbortController();
  const own = { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const request: Request = {
    method: call.method, base: cfg.addresses[to]!.base, path: call.path, headers: {}, timeout, signal: limit.signal, background: call.background ?? false,
    sent: false, body: body === undefined ? undefined : JSON.stringify(body),
  };
  const exchange = async (token: string | undefined): Promise<{ status: number; retryAfter: string | null; text: string }> => {
    request.headers = cfg.headersFor(token, own);
    request.sent = false;
    const { status, retryAfter, node, leader, body: answer } = await unlessAborted(limit.signal, cfg.transport(request));
    cfg.route.answered(to, node, leader);
    return { status, retryAfter, text: masked(await unlessAborted(limit.signal, readAll(answer)), token) };
  };
  const begun = cfg.clock();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${Math.round(timeout + wait)} ms`)), timeout + wait);
  if (request.background) unref(timer);
  const stop = onAbort(call.signal, () => limit.abort(call.signal?.reason));
  let answered = false;
  try {
    const token = cfg.tokens.current();
    const sentToken = token instanceof Promise ? await unlessAborted(limit.signal, token) : token;
    let reply = await exchange(sentToken);
    if (refusesToken(reply.status) && (await unlessAborted(limit.signal, cfg.tokens.changed(sentToken)))) {
      reply = await exchange(await unlessAborted(limit.signal, Promise.resolve(cfg.tokens.current())));
    }
    answered = true;
    if (reply.status >= 200 && reply.status <= 299) return { value: call.read(parse(reply.text)), answered, sent: true };
    const error = errorOf(problemOf(reply.status, reply.retryAfter, reply.text));
    if (call.method === "GET" && error instanceof OutcomeUnknown) {
      return { error: new Unavailable(error.message, { problem: error.problem }), answered, sent: true };
    }
    return { error, answered, sent: true };
  } catch (cause) {
    const sent = request.sent && !(cause instanceof NotSent);
    if (call.signal?.aborted) {
      call.attemptErrors.mayBeApplied ||= sent;
      throw call.signal.reason;
    }
    // A load balancer cuts a long wait like this, so the address was reachable.
    const cut = sent && !limit.signal.aborted && between(begun, cfg.clock()) >= cfg.unreachableTimeout;
    return { error: failedAttempt(call.method, sent, cause), answered: answered || cut, sent };
  } finally {
    clearTimeout(timer);
    stop();
    limit.abort();
  }
}

/** Returns the error of an attempt without an answer. */
function failedAttempt(method: string, sent: boolean, cause: unknown): LockdError {
  const why = cause as { message?: string; code?: string; cause?: { message?: string } } | null;
  const text = (cause instanceof NotSent ? undefined : why?.cause?.message) || why?.message || why?.code || String(cause);
  if (!sent || method === "GET") return new Unavailable(`no answer: ${text}`, { cause });
  return new OutcomeUnknown(`outcome unknown: ${text}`, { cause });
}
