// A call that throws leaves no hold and no place in a queue.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { Client, Held, LeaseLost, OutcomeUnknown, Unavailable } from "@lockd/client";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));
const until = async (holds) => {
  while (!holds()) await soon();
};
const cut = () => {
  throw new TypeError("fetch failed", { cause: { code: "ECONNRESET", message: "cut" } });
};

/** Returns a client of a fake node. It grants with growing tokens, unless `overrides` has another answer. */
function fakeNode(overrides = {}, options = {}) {
  const requests = [];
  const warnings = [];
  let token = 0;
  const answers = {
    acquire: (name, { ttl_ms }) => [201, { name, token: ++token, ttl_ms, expires_in_ms: ttl_ms }],
    release: () => [200, { was_held: true }],
    ...overrides,
  };
  const fetch = async (url, init) => {
    const [, , , name, verb] = new URL(url).pathname.split("/");
    const body = JSON.parse(init.body);
    requests.push({ verb, name, ...body });
    const [status, answer] = await answers[verb](name, body, init.signal);
    return new Response(JSON.stringify(answer), { status });
  };
  const client = new Client({ addresses: "a:1", retryFor: 0, fetch, onWarning: (m) => warnings.push(m), ...options });
  return { client, requests, answers, warnings, verbs: () => requests.map((a) => a.verb) };
}

const held = (queued) => () => [409, { type: "/problems/held", definitive: true, queued }];
const never = () => new Promise(() => {});

for (const [what, acquire] of [["without a wait", {}], ["with a wait", { wait: 60_000 }], ["with reclaim", { reclaim: true }]]) {
  test(`an aborted acquire ${what} releases its attempt`, async () => {
    const w = fakeNode({ acquire: never });
    const stop = new AbortController();
    const got = w.client.acquire("x", { ...acquire, signal: stop.signal });
    await until(() => w.requests.length === 1);
    stop.abort(new Error("enough"));
    await assert.rejects(got, /enough/);
    const [first, second] = w.requests;
    assert.deepEqual(second, { verb: "release", name: "x", session: first.session, attempt: first.attempt });
  });
}

test("close waits until pending releases are confirmed, for a limited time", async () => {
  const w = fakeNode({ release: cut });
  const lease = await w.client.acquire("x");
  await assert.rejects(lease.release(), OutcomeUnknown);
  await w.client.close(10); // the node does not answer: it ends
  w.answers.release = () => [200, { was_held: true }];
  await w.client.close();
  const sent = w.requests.length;
  assert.equal(w.requests.at(-1).verb, "release");
  await w.client.close(); // nothing is pending any more
  assert.equal(w.requests.length, sent);
});

test("each acquire call has its own attempt, the same for all its pieces", async () => {
  let pieces = 0;
  const w = fakeNode({ acquire: (name) => (++pieces < 3 ? held(true)() : [201, { name, token: 7, ttl_ms: 15_000, expires_in_ms: 15_000 }]) });
  await (await w.client.acquire("x", { wait: 60_000 })).release();
  await (await w.client.acquire("x")).release();
  const attempts = w.requests.filter((a) => a.verb === "acquire").map((a) => a.attempt);
  assert.deepEqual(attempts.map((a) => attempts.indexOf(a)), [0, 0, 0, 3]);
});

test("aborted calls of using, elect and locks.request release the attempt", async () => {
  for (const call of [
    (c, signal) => c.using("x", { signal }, assert.fail), (c, signal) => c.elect("x", { signal }, assert.fail),
    (c, signal) => c.locks.request("x", { signal }, assert.fail),
  ]) {
    const w = fakeNode({ acquire: never });
    const stop = new AbortController();
    const ended = call(w.client, stop.signal);
    await until(() => w.requests.length === 1);
    stop.abort();
    await assert.rejects(ended, (e) => e === stop.signal.reason);
    assert.deepEqual(w.verbs(), ["acquire", "release"]);
    assert.equal(w.requests[1].attempt, w.requests[0].attempt);
  }
});

test("an acquire that certainly acquired nothing releases nothing", async () => {
  const refused = () => {
    throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED", message: "refused" } });
  };
  for (const acquire of [held(false), refused]) {
    const w = fakeNode({ acquire });
    await assert.rejects(w.client.acquire("x"), (e) => e instanceof Held || e instanceof Unavailable);
    assert.deepEqual(w.verbs(), ["acquire"]);
  }
  const w = fakeNode();
  await assert.rejects(w.client.acquire("x", { wait: 1_000, signal: AbortSignal.abort() }));
  assert.deepEqual(w.verbs(), []);
});

test("an unknown outcome is released, whatever the answer to a later copy is", async () => {
  let copies = 0;
  const w = fakeNode({ acquire: () => (++copies === 1 ? cut() : held(false)()) }, { addresses: ["a:1", "b:1"] });
  await assert.rejects(w.client.acquire("x"), Held);
  assert.deepEqual(w.verbs(), ["acquire", "acquire", "release"]);
});

test("a call waits for a second for its release, which continues in the background, and the next acquire waits for it", async () => {
  let down = true;
  const w = fakeNode({ acquire: () => (down ? cut() : [201, { name: "x", token: 7, ttl_ms: 15_000, expires_in_ms: 15_000 }]), release: () => (down ? cut() : [200, {}]) });
  const start = performance.now();
  await assert.rejects(w.client.acquire("x"), OutcomeUnknown);
  assert.ok(performance.now() - start > 900);
  const before = w.requests.length;
  await assert.rejects(w.client.acquire("x"), OutcomeUnknown);
  assert.ok(w.requests.slice(before).every((a) => a.verb === "release" && a.attempt === w.requests[0].attempt), JSON.stringify(w.requests));
  down = false;
  const lease = await w.client.acquire("x");
  const verbs = w.verbs();
  assert.deepEqual(verbs.slice(-2), ["release", "acquire"]);
  await lease.release();
});

test("a release in the background stops when a node has answered", async () => {
  let down = true;
  const w = fakeNode({ release: () => (down ? cut() : [200, {}]) });
  const lease = await w.client.acquire("x");
  await assert.rejects(lease.release(), OutcomeUnknown);
  down = false;
  const sent = w.requests.length;
  await until(() => w.requests.length > sent);
  await (await w.client.acquire("x")).release();
  assert.deepEqual(w.verbs().slice(sent), ["release", "acquire", "release"]);
});

test("a release in the background ends with the TTL of the hold", async () => {
  const w = fakeNode({ release: cut });
  const lease = await w.client.acquire("x", { ttl: 1_000 });
  await assert.rejects(lease.release(), OutcomeUnknown);
  await until(() => w.client.acquire("x", { keep: false }).then(() => true, () => false));
});

test("a release in the background does not keep the process alive", async (t) => {
  const requests = [];
  const server = createServer((q) => void (requests.push(q.url), q.socket.destroy())).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const script = `import { Client } from "@lockd/client";
    const client = new Client({ addresses: "127.0.0.1:${server.address().port}", retryFor: 0, onWarning: () => {} });
    await client.acquire("x", { ttl: 3_600_000 }).catch((e) => console.log(e.name));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  let out = "";
  child.stdout.on("data", (d) => (out += d));
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal(out, "OutcomeUnknown\n");
  assert.ok(requests.some((url) => url.endsWith("/release")));
});

const lateLosses = [
  ["that is answered with no hold", () => [200, { was_held: false, ended: "broken" }], /broken/],
  ["that is answered with no hold, for an unknown cause", () => [200, { was_held: false }], /before its release/],
  ["that is refused for its token", () => [409, { type: "/problems/stale-token", lost: true, definitive: true }], /before its release/],
];

for (const [what, release, text] of lateLosses) {
  test(`a release ${what} is a loss, for each call that releases`, async () => {
    const isLoss = (e) => e instanceof LeaseLost && text.test(e.message);
    for (const call of [
      async (c) => (await c.acquire("x")).release(), (c) => c.using("x", {}, () => 3), (c) => c.locks.request("x", () => 3),
      async (c) => (await c.acquire("x"))[Symbol.asyncDispose](),
    ]) {
      const w = fakeNode({ release });
      await assert.rejects(call(w.client), isLoss);
      assert.deepEqual(w.verbs(), ["acquire", "release"]);
    }
    const w = fakeNode({ release });
    const lease = await w.client.acquire("x");
    await assert.rejects(lease.release(), isLoss);
    assert.ok(lease.lost);
    await lease.release(); // the loss was reported already
    await lease[Symbol.asyncDispose]();
  });

  test(`after a release ${what} the call throws the error of the work, with the loss as its cause`, async () => {
    const own = new RangeError("of the work");
    for (const call of [(c, work) => c.using("x", {}, work), (c, work) => c.elect("x", {}, work)]) {
      const error = await call(fakeNode({ release }).client, () => Promise.reject(own)).catch((e) => e);
      assert.equal(error, own);
      assert.ok(own.cause instanceof LeaseLost && text.test(own.cause.message));
    }
  });
}

test("an election continues if the lease was lost before its release", async () => {
  let releases = 0;
  const w = fakeNode({ release: () => [200, { was_held: ++releases > 1 }] });
  assert.equal(await w.client.elect("x", {}, (_signal, lease) => lease.token), 2);
});

test("a release does not report a known loss", async () => {
  const w = fakeNode({
    release: () => [200, { was_held: false, ended: "broken" }],
    renew: () => [409, { type: "/problems/not-holder", lost: true, definitive: true }],
  });
  const lease = await w.client.acquire("x");
  await assert.rejects(lease.renew(), LeaseLost);
  await lease.release();
});

for (const [ended, expected] of [["released", "ok"], ["expired", LeaseLost], [undefined, OutcomeUnknown]]) {
  test(`a repeated release of a hold with the end ${ended} is ${expected.name ?? expected}`, async () => {
    let copies = 0;
    const w = fakeNode({ release: () => (++copies === 1 ? cut() : [200, { was_held: false, ended }]) }, { addresses: ["a:1", "b:1"] });
    const lease = await w.client.acquire("x");
    const released = lease.release().then(() => "ok", (e) => e.constructor);
    assert.equal(await released, expected);
    await lease.release();
    assert.equal(copies, 2);
  });
}

for (const ended of ["released", "transferred"]) {
  test(`a hold that its own session has ${ended} is not lost`, async () => {
    const w = fakeNode({ release: () => [200, { was_held: false, ended }] });
    await (await w.client.acquire("x")).release();
  });
}

for (const [what, release] of [["unavailable", () => [503, { type: "/problems/no-leader", definitive: true }]], ["of unknown outcome", cut]]) {
  test(`a release ${what} does not hide finished work`, async () => {
    const w = fakeNode({ release });
    for (const call of [
      (c, work) => c.using("x", {}, work), (c, work) => c.elect("y", {}, work), (c, work) => c.locks.request("z", work),
    ]) {
      assert.equal(await call(w.client, () => "the result"), "the result");
    }
    await (await w.client.acquire("v"))[Symbol.asyncDispose]();
    const ours = w.warnings.filter((m) => /its release failed/.test(m));
    assert.deepEqual(ours.map((m) => m.split(" ")[4]), ["x", "y", "z", "v"]);
    const sent = w.requests.length;
    w.answers.release = () => [200, { was_held: true }];
    const released = () => new Set(w.requests.slice(sent).map((a) => a.name));
    await until(() => released().size === 4);
  });
}

test("calls of one client acquire in the order of the calls", async () => {
  const w = fakeNode();
  const order = [];
  const first = await w.client.acquire("x");
  const stop = new AbortController();
  const calls = [1, 2, 3, 4].map((n) => w.client.using("x", n === 2 ? { signal: stop.signal } : {}, () => order.push(n)));
  stop.abort(new Error("enough"));
  await assert.rejects(calls[1], /enough/);
  await first.release();
  await Promise.all([calls[0], calls[2], calls[3]]);
  assert.deepEqual(order, [1, 3, 4]);
});
