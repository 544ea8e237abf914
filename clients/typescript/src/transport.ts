// The interface that sends one request, and its implementation with fetch.

import { onAbort } from "./signals.js";

export const maxAnswer = 8 << 20; // bytes of the body of an answer, or of one message of a watch

/** One request to one address. */
export interface Request {
  method: "GET" | "POST";
  /** Scheme, host, port and base path. */
  base: string;
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  /** The time to resolve, connect, send and read, in milliseconds, without the wait that the request asks for. */
  timeout: number;
  /** Ends the attempt. */
  signal: AbortSignal;
  /** The request does not keep the process alive. */
  background: boolean;
  /** Set by the transport when a part of the request may have been sent. */
  sent: boolean;
}

export interface Reply {
  status: number;
  retryAfter: string | null;
  node: string | null; // the name of the node, and of the leader that it knows; null in the answer of a proxy
  leader: string | null;
  body: AsyncIterable<Uint8Array>;
}

/** Sends a request. Returns when it has the headers of the answer. Throws NotSent if nothing was sent. */
export type Transport = (request: Request) => Promise<Reply>;

/** Nothing was sent. */
export class NotSent extends Error {}

// The error codes of Node's fetch if there was no connection. A browser reports none, so its failures count as sent.
const notSent = new Set([
  "ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "UND_ERR_CONNECT_TIMEOUT",
]);

/** Returns a transport with fetch. The runtime decides how it connects. */
export const fetchTransport = (fetch: typeof globalThis.fetch): Transport => async (r) => {
  const init: RequestInit = { method: r.method, redirect: "manual", headers: r.headers, signal: r.signal };
  if (r.body !== undefined) init.body = r.body;
  let answer: Response;
  r.sent = true;
  try {
    answer = await fetch(r.base + r.path, init);
  } catch (cause) {
    const why = (cause as { cause?: { code?: string; message?: string } } | null)?.cause;
    if (notSent.has(why?.code ?? "")) throw new NotSent(why?.message || String(why?.code), { cause });
    throw cause;
  }
  const header = (name: string): string | null => answer.headers.get(name);
  return {
    status: answer.status, retryAfter: header("retry-after"), node: header("lockd-node"), leader: header("lockd-leader"), body: chunks(answer.body),
  };
};

async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array, void, void> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  let over = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      over = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!over) reader.cancel().catch(() => {});
  }
}

/** Reads a body. Throws if it is longer than maxAnswer. */
export async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxAnswer) throw new Error(`the answer is longer than ${maxAnswer} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Returns the result of work, unless the signal aborts first. It leaves no listener, since a watch calls it for each
 * chunk.
 */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {}); // it may fail after the abort
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => (stop = onAbort(signal, () => reject(signal.reason))));
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stop();
  }
}
