// Acquire of several leases, history, cluster status, and the operations for operators.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { Client, Held, LeaseLost, NotAcquired, OutcomeUnknown, Refused, Unavailable } from "@lockd/client";
import { startServer } from "./server.mjs";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const attempt = /^[0-9a-f]{16}$/;
const granted = (...names) => ({
  holder: "h", session: "s", ttl_ms: 60_000, expires_in_ms: 59_940, waited_ms: 0, revision: 9,
  leases: names.map((name, i) => ({ name, token: i + 8, slot: 0 })),
});

/** Returns a client of a fake node that answers with what `answer` returns: [status, body]. */
function fakeNode(answer, options = {}) {
  const requests = [];
  const fetch = async (url, init) => {
    const { pathname, search } = new URL(url);
    const request = { method: init.method, path: pathname + search, body: init.body && JSON.parse(init.body) };
    requests.push(request);
    const [status, body] = await answer(request);
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  };
  const client = new Client({ addresses: "a:1", retryFor: 0, holder: "h", session: "s".repeat(16), fetch, onWarning: () => {}, ...options });
  return { client, requests };
}

const refused = (type, more = {}) => [409, { type: `/problems/${type}`, definitive: true, ...more }];
const cut = () => {
  throw new TypeError("fetch failed", { cause: { code: "ECONNRESET", message: "cut" } });
};

test("acquireAll sends the names with one attempt and returns a lease for each", async () => {
  const { client, requests } = fakeNode(({ path }) => (path === "/v1/acquire" ? [201, granted("b", "a")] : [200, { was_held: true }]));
  const leases = await client.acquireAll(["b", "a"], { ttl: 60_000, meta: { job: 1 }, keep: false });
  const { attempt: id, ...body } = requests[0].body;
  assert.match(id, attempt);
  assert.deepEqual({ ...requests[0], body }, {
    method: "POST", path: "/v1/acquire", body: { names: ["b", "a"], holder: "h", session: "s".repeat(16), ttl_ms: 60_000, meta: { job: 1 } },
  });
  assert.deepEqual(leases.map((l) => [l.name, l.token, l.remaining() > 0]), [["b", 8, true], ["a", 9, true]]);
  await assert.rejects(client.acquire("a"), Held);
  for (const lease of leases) await lease.release();
  assert.deepEqual(requests.slice(1).map((r) => [r.path, r.body.token]), [["/v1/leases/b/release", 8], ["/v1/leases/a/release", 9]]);
});

test("acquireAll renews the leases together in the background", async () => {
  const { client, requests } = fakeNode(({ path, body }) => (path === "/v1/acquire"
    ? [201, { ...granted("a", "b"), ttl_ms: 1_000, expires_in_ms: 1_000 }]
    : [200, { leases: body.leases?.map((l) => ({ ...l, expires_in_ms: 1_000 })), waited_ms: 0 }]));
  const leases = await client.acquireAll(["a", "b"], { ttl: 1_000 });
  while (!requests.some((r) => r.path === "/v1/sessions/renew")) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const lease of leases) lease.check();
  await Promise.all(leases.map((l) => l.release()));
});

test("a refused acquireAll has the leases that prevented it, and holds nothing", async () => {
  const states = [{ name: "b", holder: "other", token: 3, holders: [] }];
  const { client, requests } = fakeNode(() => refused("held", { leases: states }));
  const error = await client.acquireAll(["a", "b"]).catch((e) => e);
  assert.ok(error instanceof Held && error instanceof NotAcquired, String(error));
  assert.deepEqual(error.problem.leases.map((l) => [l.name, l.holder]), [["b", "other"]]);
  await assert.rejects(client.acquireAll(["b"]), Held); // the names are free for the next call
  assert.deepEqual(requests.map((r) => r.path), ["/v1/acquire", "/v1/acquire"]);
});

test("acquireAll of a name that this client holds is refused without a request", async () => {
  const { client, requests } = fakeNode(({ path }) => (path.endsWith("acquire") ? [201, { ...granted(), name: "b", token: 7 }] : [200, {}]));
  const lease = await client.acquire("b", { keep: false, ttl: 60_000 });
  await assert.rejects(client.acquireAll(["a", "b"]), Held);
  assert.equal(requests.length, 1);
  await lease.release();
});

for (const [what, answer, error] of [
  ["whose answer is lost", cut, OutcomeUnknown],
  ["with a malformed answer", () => [201, granted("a")], OutcomeUnknown],
]) {
  test(`an acquireAll ${what} releases the attempt of each name`, async () => {
    const { client, requests } = fakeNode(({ path }) => (path === "/v1/acquire" ? answer() : [200, {}]));
    await assert.rejects(client.acquireAll(["a", "b"]), error);
    const [first, ...releases] = requests;
    const { session, attempt: id } = first.body;
    assert.deepEqual(releases.map((r) => [r.path, r.body]), ["a", "b"].map((n) => [`/v1/leases/${n}/release`, { session, attempt: id }]));
  });
}

test("an aborted acquireAll throws the reason and releases the attempt of each name", async () => {
  const stop = new AbortController();
  const { client, requests } = fakeNode(({ path }) => {
    if (path !== "/v1/acquire") return [200, {}];
    stop.abort(new Error("enough"));
    return new Promise(() => {});
  });
  await assert.rejects(client.acquireAll(["a", "b"], { signal: stop.signal }), /enough/);
  assert.deepEqual(requests.slice(1).map((r) => r.path), ["/v1/leases/a/release", "/v1/leases/b/release"]);
});

test("invalid arguments are refused before anything is sent", async () => {
  const client = new Client({ fetch: assert.fail });
  for (const names of [undefined, "a", [], ["a", 7], ["a b"], ["a", "b", "a"], Array.from({ length: 65 }, (_, i) => `n${i}`)]) {
    await assert.rejects(client.acquireAll(names), TypeError, String(names));
  }
  await assert.rejects(client.acquireAll(["a"], { ttl: 10 }), RangeError);
  for (const token of [undefined, "7", 0, -1, 1.5, 2 ** 53]) {
    await assert.rejects(client.break("x", { token, reason: "r" }), TypeError, String(token));
    await assert.rejects(client.stepDown("x", { token }), TypeError, String(token));
  }
  for (const call of [(n) => client.break(n, { token: 7, reason: "r" }), (n) => client.stepDown(n, { token: 7 }), (n) => client.history(n)]) {
    await assert.rejects(call("a b"), TypeError);
  }
});

const anything = ["[]", '"x"', "3", "null", "", "<html>"];
const cluster = {
  cluster_id: "c", node: { id: "n-1", name: "n", http: "http://n", peer: "n:1", state: "leader", version: "1", entry_version: 2 }, leader: "n",
  term: 4, revision: 9, applied_index: 9, last_log_term: 4, last_log_index: 9,
  nodes: [{ id: "n-1", name: "n", http: "http://n", peer: "n:1", voter: true, leader: true, entry_version: 2, last_contact_ms: 0 }],
};
const event = { revision: 7, type: "broken", name: "x", holder: "h", token: 7, held_ms: 900, reason: "stuck", by: "127.0.0.1" };

for (const [what, call, request, answer, wrong, error] of [
  [
    "break", (c) => c.break("x", { token: 7, reason: "stuck", grace: 0 }),
    { method: "POST", path: "/v1/leases/x/break", body: { token: 7, reason: "stuck", grace_ms: 0 } },
    { name: "x", token: 7, available_in_ms: 9_800, revision: 9 },
    [{ name: "y" }, { token: 8 }, { token: "7" }, { available_in_ms: undefined }, { available_in_ms: -1 }], OutcomeUnknown,
  ],
  [
    "break without a grace", (c) => c.break("x", { token: 7, reason: "stuck" }),
    { method: "POST", path: "/v1/leases/x/break", body: { token: 7, reason: "stuck" } },
    { name: "x", token: 7, available_in_ms: 9_800, revision: 9 }, [], OutcomeUnknown,
  ],
  [
    "step-down", (c) => c.stepDown("x", { token: 7, to: "other", within: 30_000 }),
    { method: "POST", path: "/v1/leases/x/step-down", body: { token: 7, to: "other", within_ms: 30_000 } },
    { name: "x", holder: "h", token: 7, step_down: { to: "other", within_ms: 30_000 }, revision: 9 },
    [{ name: "y" }, { token: 8 }, { step_down: 3 }, { step_down: { to: 3 } }, { step_down: { within_ms: -1 } }], OutcomeUnknown,
  ],
  [
    "history", (c) => c.history("x", { stale: true }), { method: "GET", path: "/v1/leases/x/history?stale=true", body: undefined },
    { name: "x", events: [event], revision: 9 },
    [{ name: "y" }, { events: undefined }, { events: [3] }, { events: [{ ...event, name: undefined }] }, { events: [{ ...event, token: -1 }] }], Unavailable,
  ],
  [
    "cluster", (c) => c.cluster(), { method: "GET", path: "/v1/cluster", body: undefined }, cluster,
    [{ node: undefined }, { leader: 3 }, { term: -1 }, { nodes: 3 }, { nodes: [{}] }, { nodes: [{ id: "n", voter: 1 }] }], Unavailable,
  ],
]) {
  test(`${what} has the form of the contract, in the request and in the answer`, async () => {
    const { client, requests } = fakeNode(() => [200, answer]);
    assert.deepEqual(await call(client), answer);
    assert.deepEqual(requests, [request]);
    for (const body of [...anything, ...wrong.map((w) => JSON.stringify({ ...answer, ...w }))]) {
      await assert.rejects(call(fakeNode(() => [200, body]).client), error, body);
    }
  });

  test(`${what} repeats an unavailable request at the next address and throws a refusal`, async () => {
    let n = 0;
    const { client, requests } = fakeNode(() => (n++ === 0 ? [503, { type: "/problems/no-leader", definitive: true }] : [200, answer]), { addresses: ["a:1", "b:1"] });
    assert.deepEqual(await call(client), answer);
    assert.equal(requests.length, 2);
    await assert.rejects(call(fakeNode(() => [400, { type: "/problems/invalid", definitive: true }]).client), Refused);
  });
}

test("a break and a step-down with an old token throw LeaseLost", async () => {
  const { client } = fakeNode(() => refused("stale-token", { lost: true }));
  await assert.rejects(client.break("x", { token: 7, reason: "r" }), (e) => e instanceof LeaseLost && e.problem.type === "stale-token");
  await assert.rejects(client.stepDown("x", { token: 7 }), LeaseLost);
});

test("the operations work on a real node", async (t) => {
  const { address } = await startServer(t);
  const holder = new Client({ addresses: address, holder: "holder" });
  const operator = new Client({ addresses: address, holder: "operator" });
  const [a, b] = await holder.acquireAll(["a", "b"], { ttl: 60_000, keep: false });
  assert.ok(a.token > 0 && b.token > a.token);
  assert.ok(await operator.check("a", a.token));
  const error = await operator.acquireAll(["b", "c"]).catch((e) => e);
  assert.ok(error instanceof Held, String(error));
  assert.deepEqual(error.problem.leases.map((l) => [l.name, l.holder]), [["b", "holder"]]);
  assert.equal((await operator.get("c")).state, "free");

  const asked = await operator.stepDown("a", { token: a.token, to: "operator", within: 30_000 });
  assert.deepEqual([asked.holder, asked.step_down.to], ["holder", "operator"]);
  assert.equal(a.stepDown, undefined);
  await a.renew();
  assert.equal(a.stepDown.to, "operator");

  const broken = await operator.break("b", { token: b.token, reason: "a test", grace: 0 });
  assert.deepEqual([broken.name, broken.token], ["b", b.token]);
  const lost = once(b.signal, "abort");
  await assert.rejects(b.renew(), LeaseLost);
  await lost;
  await assert.rejects(operator.break("b", { token: a.token, reason: "a test" }), LeaseLost); // not a token of b
  assert.equal(await operator.check("b", b.token), false);
  const { events } = await operator.history("b");
  const end = events.find((e) => e.type === "broken");
  assert.deepEqual([end.token, end.reason, end.held_ms >= 0], [b.token, "a test", true]);

  const names = [];
  for await (const state of operator.list({ holder: "holder" })) names.push(state.name);
  assert.deepEqual(names, ["a"]);
  const { leader, node, nodes, term } = await operator.cluster();
  assert.deepEqual([nodes.map((n) => n.name), node.state, leader, term > 0], [[leader], "leader", node.name, true]);
  await a.release();
});
