// Requests to the node that served this page.

const tokenKey = "lockd.token";

// The token is in the storage of this tab only: never in a URL, and never in a cookie, which other pages could use.
export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? "",
  set: (t) => sessionStorage.setItem(tokenKey, t),
  clear: () => sessionStorage.removeItem(tokenKey),
};

// A Problem is an answer of the node that is not a success, or the lack of one (status 0).
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? "No answer");
    this.status = status;
    this.type = (body.type ?? "").replace("/problems/", "");
    this.title = body.title ?? "No answer";
    this.detail = body.detail ?? "";
    this.requestID = body.request_id ?? "";
    this.definitive = body.definitive ?? false;
  }
}

function headers(more = {}) {
  const t = token.get();
  return t ? { ...more, Authorization: `Bearer ${t}` } : more;
}

const unreachable = (method, path) => new Problem(0, {
  title: "No answer", definitive: method === "GET",
  detail: `The node did not answer ${path}. It may be stopped, or the network is interrupted.`,
});

// onUnauthenticated calls a function whenever the node does not accept the token, until the function that it returns is called.
export const onUnauthenticated = (call) => {
  refused.addEventListener("token", call);
  return () => refused.removeEventListener("token", call);
};
const refused = new EventTarget();

async function problemOf(response) {
  if (response.status === 401) refused.dispatchEvent(new Event("token"));
  try {
    return new Problem(response.status, await response.json());
  } catch {
    return new Problem(response.status, { title: `Status ${response.status}`, detail: "The answer is not one of lockd: a proxy may have sent it." });
  }
}

// A node that hangs does not answer. A read is given up first: a change may take its time.
const readLimit = 6000;
const changeLimit = 15_000;

// send sends a request and returns the body of the answer. It throws a Problem.
async function send(method, path, body, signal) {
  const limit = AbortSignal.timeout(method === "GET" ? readLimit : changeLimit);
  let response;
  try {
    response = await fetch(path, {
      method, signal: signal ? AbortSignal.any([signal, limit]) : limit, cache: "no-store", credentials: "omit",
      headers: headers(body ? { "Content-Type": "application/json" } : {}),
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw unreachable(method, path);
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

export const get = (path, signal) => send("GET", path, undefined, signal);

// read reads leases. Without a leader it returns what the node itself knows, with the member stale.
export async function read(path, signal) {
  try {
    return await get(path, signal);
  } catch (problem) {
    if (problem.status !== 503) throw problem;
    const data = await get(path + (path.includes("?") ? "&" : "?") + "stale=true", signal);
    return { ...data, stale: true };
  }
}
export const post = (path, body) => send("POST", path, body);

// query appends parameters to a path, without the empty ones.
export function query(path, params) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== "" && value !== undefined && value !== null && value !== false) q.set(name, value);
  }
  const text = q.toString();
  return text ? `${path}?${text}` : path;
}

export const leasePath = (name, action = "") => `v1/leases/${encodeURIComponent(name)}${action && `/${action}`}`;

// idleLimit is how long a stream may send nothing. A node sends a mark every 10 s.
const idleLimit = 15_000;

// watch follows the events of leases until signal is aborted. It resumes after an interruption where it was. It calls
// event for each event, and state with "live" or "reconnecting".
export async function watch({ name = "", prefix = "", after, signal, event, state }) {
  let pause = 250;
  while (!signal.aborted) {
    try {
      const upTo = await stream(query("v1/watch", { name, prefix, after }), signal, (e) => {
        pause = 250;
        if (e.type === "synced" || e.type === "mark") state("live");
        else event(e);
        after = e.revision;
      }, () => state("live"));
      after = upTo ?? after;
    } catch (err) {
      if (signal.aborted) return;
      if (err.status === 410 || err.type === "gone") after = undefined; // begins again with the state
      else if (err.status === 401 || err.status === 403) {
        state("refused", err);
        return;
      }
    }
    if (signal.aborted) return;
    state("reconnecting");
    await new Promise((wake) => setTimeout(wake, pause + Math.random() * 250));
    pause = Math.min(pause * 2, 5000);
  }
}

// stream reads one stream of server-sent events until it ends. EventSource cannot send a token.
async function stream(path, signal, deliver, opened) {
  const idle = new AbortController();
  let timer = 0;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => idle.abort(), idleLimit);
  };
  alive();
  try {
    const response = await fetch(path, {
      headers: headers({ Accept: "text/event-stream" }), cache: "no-store", credentials: "omit",
      signal: AbortSignal.any([signal, idle.signal]),
    });
    if (!response.ok) throw await problemOf(response);
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const data = frame.split("\n").find((line) => line.startsWith("data: "));
        if (!data) continue;
        const e = JSON.parse(data.slice(6));
        if (e.type === "gone") throw new Problem(410, { type: "/problems/gone" });
        deliver(e);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
