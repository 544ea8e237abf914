// Fuzz tests of the parsers: answers, problems, addresses, headers and streams. LOCKD_FUZZ_MS is the time of each (by
// default 300 ms), LOCKD_FUZZ_SEED the seed (by default 1).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, LockdError, OutcomeUnknown, Unavailable } from "@lockd/client";
import { Random } from "./mutator.mjs";

// The package does not export these.
const load = (name) => import(new URL(name, import.meta.resolve("@lockd/client")));
const { endpoint } = await load("address.js");
const { checkedHeaders } = await load("headers.js");
const { parse } = await load("json.js");
const { errorOf, problemOf } = await load("errors.js");
const { Parser } = await load("watch.js");
const v = await load("validate.js");

const time = Number(process.env.LOCKD_FUZZ_MS ?? 300);
const seed = Number(process.env.LOCKD_FUZZ_SEED ?? 1);
const slow = 2_000; // milliseconds for one input: it hangs

/** Checks each entry of the corpus, and then mutated ones until the time is over. The check receives the index of the entry. */
async function fuzz(t, corpus, check) {
  const random = new Random(seed);
  let n = 0;
  for (const end = performance.now() + time; performance.now() < end || n < corpus.length; n++) {
    const from = n < corpus.length ? n : random.below(corpus.length);
    const input = n < corpus.length ? corpus[n] : random.mutate(corpus[from], corpus);
    const start = performance.now();
    try {
      await check(input, random, from);
    } catch (e) {
      throw new Error(`seed ${seed}, input ${n}: ${JSON.stringify(input)}`, { cause: e });
    }
    assert.ok(performance.now() - start < slow, `seed ${seed}, input ${n} took too long: ${JSON.stringify(input)}`);
  }
  t.diagnostic(`${n} inputs`);
}

const exact = new Set(["token", "revision", "term", "applied_index", "transitions", "oldest", "current", "position"]);

/** Checks the members that must be exact integers, anywhere in a result but in meta. */
function checkNumbers(value, key = "") {
  if (typeof value === "number" && exact.has(key)) assert.ok(Number.isSafeInteger(value) && value >= 0, `${key} is ${value}`);
  if (typeof value !== "object" || value === null) return;
  for (const [k, member] of Object.entries(value)) if (k !== "meta") checkNumbers(member, Array.isArray(value) ? key : k);
}

const state = {
  name: "x", state: "held", revision: 9, limit: 2, holder: "h", token: 7, transitions: 3, holder_count: 1, queue_length: 1, available_in_ms: 5,
  holders: [{ holder: "h", token: 7, slot: 0, ttl_ms: 15000, held_ms: 5, free_in_ms: 9, meta: { token: 1.5 } }],
  queue: [{ holder: "w", priority: -3, waiting_ms: 310 }],
};
const grant = {
  name: "x", holder: "h", token: 7, slot: 0, ttl_ms: 60000, expires_in_ms: 59940, waited_ms: 0, revision: 7, meta: { a: [1.5] },
  previous: { holder: "g", token: 3, end: "expired" }, step_down: { to: "w", within_ms: 30000 },
};
const event = { revision: 7, at: "2026-11-20T09:30:00.000Z", type: "broken", name: "x", holder: "h", token: 7, held_ms: 900, reason: "r", lease: state };
const node = { id: "n-1", name: "n", http: "http://n:7400", peer: "n:7401", state: "leader", version: "1.0.0", entry_version: 2 };

// Each reader with a valid answer, and with the token that its result must have.
const readers = [
  [v.grantOf("x"), grant], [v.grantOf("x", 7), grant], [v.grantsOf(["x", "y"]), { ...grant, leases: [grant, { ...grant, name: "y", token: 8 }] }],
  [v.renewalsOf, { leases: [{ name: "x", token: 7, expires_in_ms: 900, step_down: { to: "w" } }], waited_ms: 0, revision: 7 }],
  [v.stateOfLease("x"), state], [v.pageOf, { leases: [state], next: "x", revision: 9 }], [v.currentOf(7), { name: "x", token: 7, holder: "h", slot: 0 }],
  [v.releasedOf, { name: "x", was_held: false, ended: "broken" }], [v.transferredOf, { name: "x", to: "w", token: 8 }],
  [v.brokenOf("x", 7), { name: "x", token: 7, available_in_ms: 9800, revision: 9 }],
  [v.stepDownRequestedOf("x", 7), { name: "x", holder: "h", token: 7, step_down: { to: "w", within_ms: 30000 }, revision: 9 }],
  [v.historyOf("x"), { name: "x", events: [event], revision: 9 }],
  [v.clusterOf, {
    cluster_id: "c", node, leader: "n", term: 4, revision: 9, applied_index: 9, last_log_term: 4, last_log_index: 9,
    nodes: [{ ...node, voter: true, leader: true, last_contact_ms: 0 }],
  }],
];

test("a mutated answer is read within its bounds, or refused", (t) => {
  const corpus = readers.map(([, answer]) => JSON.stringify(answer));
  for (const [read, answer] of readers) assert.doesNotThrow(() => read(parse(JSON.stringify(answer))));
  return fuzz(t, corpus, (text, random, from) => {
    const [read] = random.below(4) === 0 ? random.pick(readers) : readers[from];
    let result;
    try {
      result = read(parse(text));
    } catch (e) {
      assert.ok(e instanceof SyntaxError || e.constructor.name === "Malformed", e.stack);
      return;
    }
    checkNumbers(result);
    for (const holder of result.holders ?? []) assert.ok(holder.token >= 1);
    for (const g of Array.isArray(result) ? result : read === readers[0][0] ? [result] : []) {
      assert.ok(g.token >= 1 && g.ttl_ms > 0, text);
      for (const ms of [g.ttl_ms, g.expires_in_ms, g.waited_ms]) assert.ok(ms >= 0 && ms <= 86_400_000, text);
    }
  });
});

test("a mutated answer of a node makes no error but the client's", (t) => {
  const corpus = [grant, state, { leases: [state] }, { type: "/problems/held", definitive: true, lease: state }].map((a) => JSON.stringify(a));
  let status;
  let body;
  const client = new Client({ fetch: async () => new Response(body, { status }), retryFor: 0, onWarning: () => {} });
  return fuzz(t, corpus, async (text, random) => {
    status = random.pick([200, 201, 400, 409, 410, 429, 500, 503, 504]);
    body = text;
    const [error, result] = await client.get("x").then((r) => [undefined, r], (e) => [e, undefined]);
    if (error === undefined) checkNumbers(result);
    else assert.ok(error instanceof LockdError && !(error instanceof OutcomeUnknown), String(error.stack));
  });
});

test("a mutated problem is an error that claims no more than it contains", (t) => {
  const corpus = [
    { type: "/problems/held", status: 409, title: "t", detail: "d", definitive: true, queued: true, position: 1, ticket_expires_in_ms: 9, lease: state, leases: [state] },
    { type: "/problems/not-holder", definitive: true, lost: true }, { type: "/problems/outcome-unknown", definitive: false },
    { type: "/problems/gone", oldest: 7, current: 9 }, { type: "/problems/overloaded", definitive: true, retry_after_ms: 1500 },
    { type: "/problems/invalid", errors: [{ field: "ttl_ms", reason: "must be more" }, { field: { toString: 1 } }] },
  ].map((p) => JSON.stringify(p)).concat("", "<html>\nbad gateway", "[".repeat(20_000));
  return fuzz(t, corpus, (text, random) => {
    const status = random.pick([400, 409, 410, 429, 500, 503, 504]);
    const problem = problemOf(status, random.pick([null, "1", "-1", "9".repeat(400), "Wed, 21 Oct 2026 07:28:00 GMT"]), text);
    const error = errorOf(problem);
    assert.ok(error instanceof LockdError && error.message !== "", text);
    assert.ok(problem.retryAfter >= 0 && problem.retryAfter <= 30_000, `retryAfter is ${problem.retryAfter}`);
    checkNumbers(problem);
    if (problem.lost) assert.match(text, /lost|\\u/);
    if (problem.definitive && status >= 500) assert.match(text, /definitive|\\u/);
  });
});

test("a mutated address is refused without its credentials, or read in the same way again", (t) => {
  const corpus = [
    "127.0.0.1", "localhost:7400", "http://us:hunter22@node.example:80/the/locks/", "https://u%40:hunter22@[::1]:443", "[fe80::1%25eth0]:1", "a.b.:1",
    "HTTP://A_b-c.1d/%2F/x", "u:hunter22@1.2.3.4:65535/../x?y#z", "http://0x7f.1",
  ];
  return fuzz(t, corpus, (address) => {
    let read;
    try {
      read = endpoint(address);
    } catch (e) {
      assert.ok(e instanceof TypeError, e.stack);
      const at = address.lastIndexOf("@");
      if (!address.slice(Math.max(at, 0)).includes("hunter22")) assert.ok(!e.message.includes("hunter22"), e.message);
      return;
    }
    assert.deepEqual(endpoint(read.base), read);
    assert.ok(URL.canParse(`${read.base}/v1/x`), read.base);
    assert.match(read.base, /^https?:\/\/[^/?#@\s]+:[1-9]\d{0,4}(?:\/[^?#\s]*[^/])?$/);
  });
});

test("a mutated header is refused without its value, or is safe to send", (t) => {
  const corpus = ["X-Tenant: hunter22", "Authorization: Basic hunter22", "host: hunter22", "a: hunter22\r\nb: c", "x\ty: hunter22"];
  return fuzz(t, corpus, (text) => {
    const at = Math.max(text.indexOf(":"), 0);
    const [name, value] = [text.slice(0, at), text.slice(at + 1)];
    try {
      const [[checked, same]] = Object.entries(checkedHeaders({ [name]: value }, false));
      assert.match(checked, /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
      assert.match(same, /^[\t -~]*$/);
      assert.notEqual(checked, "host");
    } catch (e) {
      assert.ok(e instanceof TypeError, e.stack);
      if (!name.includes("hunter22")) assert.ok(!e.message.includes("hunter22"), e.message);
    }
  });
});

/** Returns the events of a stream that arrives in these pieces, and the error that ended it. */
function eventsOf(pieces) {
  const parser = new Parser();
  const events = [];
  try {
    for (const piece of pieces) for (const e of parser.feed(piece)) events.push(e);
  } catch (e) {
    assert.ok(e instanceof Unavailable, e.stack);
    return { events, error: e.message };
  }
  return { events };
}

test("a mutated stream has the same events in any pieces", (t) => {
  const corpus = [
    "retry: 1000\n\n: keepalive\n\n", `id: 7\r\nevent: state\r\ndata: ${JSON.stringify({ revision: 7, lease: state })}\r\n\r\n`,
    `id: 7\nevent: broken\ndata: ${JSON.stringify(event)}\n\n`, 'event: gone\ndata: {"oldest":7,\ndata: "current":9}\n\n', "data\n\n", "id: 18446744073709551616\nevent: mark\n\n",
    'data:{"type":"released","name":"x","revision":9007199254740993}\n\n', `data: ${"[".repeat(20_000)}\n\n`,
  ];
  return fuzz(t, corpus, (text, random) => {
    const whole = eventsOf([text]);
    const pieces = [];
    for (let at = 0; at < text.length; at += pieces.at(-1).length) pieces.push(text.slice(at, at + 1 + random.below(text.length > 1_000 ? 4_000 : 9)));
    assert.deepEqual(eventsOf(pieces), whole);
    for (const e of whole.events) if (e !== undefined) checkNumbers(e);
  });
});
