// The rules of one request and of one hold, with fake nodes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Held, LeaseLost, OutcomeUnknown, Released, Unavailable } from "@lockd/client";

const grant = { name: "x", holder: "h", token: 7, slot: 0, ttl_ms: 60000, expires_in_ms: 59940, waited_ms: 0, revision: 7 };

const answer = (status, body) => () => new Response(JSON.stringify(body), { status });
const problem = (type, status, more = {}) => answer(status, { type: `/problems/${type}`, ...more });
const refuseConnection = () => {
  throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED", message: "refused" } });
};
const reset = () => {
  throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET", message: "reset" } });
};

/** Returns a client of two nodes that give these answers, the last one always. */
function fakeNode(...answers) {
  const requests = [];
  const fetch = async (url, init) => {
    const next = answers.length > 1 ? answers.shift() : answers[0];
    requests.push({ url: String(url), body: init.body && JSON.parse(init.body) });
    return next();
  };
  return { client: new Client({ addresses: ["a:1", "b:1"], session: "s".repeat(16), holder: "h", retryFor: 0, fetch }), requests };
}

test("a request that was not sent goes to the next address, and fails at once if no address accepts a connection", async () => {
  const w = fakeNode(refuseConnection, answer(201, grant), answer(200, {}));
  const lease = await w.client.acquire("x");
  assert.equal(lease.token, 7);
  assert.deepEqual(w.requests.map((a) => new URL(a.url).host), ["a:1", "b:1"]);
  await lease.release();
  await assert.rejects(fakeNode(refuseConnection).client.get("x"), Unavailable);
});

for (const reclaim of [false, true]) {
  test(`an unknown outcome is repeated with the same session and attempt, reclaim ${reclaim}`, async () => {
    const w = fakeNode(reset, answer(201, grant), answer(200, {}));
    await (await w.client.acquire("x", { reclaim })).release();
    const [first, second] = w.requests.map((a) => a.body);
    assert.equal(first.session, "s".repeat(16));
    assert.match(first.attempt, /^[0-9a-f]{16}$/);
    assert.deepEqual(second, first);
  });
}

test("an unknown outcome stays unknown until there is a final answer", async () => {
  const w = fakeNode(reset, problem("no-leader", 503, { definitive: true }));
  await assert.rejects(w.client.acquire("x"), OutcomeUnknown);
});

test("a refusal has the state of the lease", async () => {
  const w = fakeNode(problem("held", 409, { lease: { name: "x", holder: "other", token: 3, holders: [] } }));
  await assert.rejects(w.client.acquire("x"), (e) => e instanceof Held && e.problem.lease.holder === "other");
});

test("an acquire that ends without the lease leaves the queue", async () => {
  const w = fakeNode(problem("held", 409, { queued: true, position: 1 }), answer(200, {}));
  await assert.rejects(w.client.acquire("x"), Held);
  assert.match(w.requests.at(-1).url, /release$/);
});

test("a loss is reported once, and ends the work", async () => {
  const w = fakeNode(answer(201, grant), problem("not-holder", 409, { lost: true }));
  let reported = 0;
  await assert.rejects(
    w.client.using("x", {}, async (signal, lease) => {
      signal.addEventListener("abort", () => reported++);
      await assert.rejects(lease.renew(), LeaseLost);
      await assert.rejects(lease.renew(), LeaseLost);
      assert.equal(lease.remaining(), 0);
    }),
    LeaseLost,
  );
  assert.equal(reported, 1);
});

test("a released lease is not held, and `await using` sends nothing", async () => {
  const w = fakeNode(answer(201, grant), answer(200, {}));
  const lease = await w.client.acquire("x");
  await lease.release();
  assert.throws(() => lease.check(), Released);
  const before = w.requests.length;
  await lease[Symbol.asyncDispose]();
  assert.equal(w.requests.length, before);
});

const orders = [["60000", "4000"], ["4000", "60000"]];
for (const sent of orders) {
  for (const ended of orders) {
    for (const lost of [[], ["60000"], ["4000"], ["4000", "60000"]]) {
      test(`the smallest of concurrent changes of the TTL applies: sent ${sent}, ended ${ended}, lost ${lost}`, async () => {
        const grantOf = (ttl, left) => answer(200, { ...grant, ttl_ms: ttl, expires_in_ms: left })();
        const ends = {};
        const fetch = async (url, init) => {
          if (String(url).endsWith("acquire")) return grantOf(15_000, 2_500);
          const { ttl_ms } = JSON.parse(init.body);
          if (ttl_ms !== undefined) await new Promise((resolve, reject) => (ends[ttl_ms] = { resolve, reject }));
          return grantOf(ttl_ms ?? 60_000, ttl_ms ?? 60_000);
        };
        const lease = await new Client({ addresses: "a:1", retryFor: 0, fetch }).acquire("x", { keep: false });
        const changes = {};
        for (const ttl of sent) changes[ttl] = lease.renew({ ttl: Number(ttl) });
        for (const ttl of ended) {
          if (lost.includes(ttl)) {
            ends[ttl].reject(new TypeError("cut"));
            await assert.rejects(changes[ttl], OutcomeUnknown);
          } else {
            ends[ttl].resolve();
            await changes[ttl];
          }
          assert.ok(lease.remaining() > 0 && lease.remaining() <= 4_000, `when ${ttl} has ended ${lease.remaining()} remain`);
        }
        assert.equal(lease.remaining() > 2_500, lost.length < sent.length, `when both have ended ${lease.remaining()} remain`);
        await lease.renew();
        assert.equal(lease.remaining() <= 4_000, lost.includes("4000"), `after a renewal ${lease.remaining()} remain`);
        await lease.release();
      });
    }
  }
}

test("two acquires of one client exclude each other", async () => {
  const w = fakeNode(answer(201, grant), answer(200, {}), answer(201, { ...grant, token: 9 }), answer(200, {}));
  const first = await w.client.acquire("x");
  await assert.rejects(w.client.acquire("x"), Held);
  const second = w.client.acquire("x", { wait: 60000 });
  await first.release();
  assert.equal((await second).token, 9);
  await (await second).release();
});

test("invalid arguments are refused before anything is sent", async () => {
  const client = new Client({ requestTimeout: 2000 });
  await assert.rejects(client.acquire("x", { ttl: 5000 }), RangeError);
  await assert.rejects(client.acquire("x", { ttl: 10 }), RangeError);
  for (const wrong of [{ waitPiece: 999 }, { waitPiece: 60_001 }, { unreachableTimeout: 0 }]) {
    assert.throws(() => new Client(wrong), RangeError);
  }
});

test("a stream is read in any pieces", async () => {
  const text = ': hi\n\nretry: 1000\n\nid: 7\nevent: acquired\ndata: {"name":"x",\ndata: "token":7}\n\n';
  for (const size of [1, 3, 1000]) {
    const pieces = text.match(new RegExp(`.{1,${size}}`, "gs"));
    const body = new ReadableStream({
      start(c) {
        for (const p of pieces) c.enqueue(new TextEncoder().encode(p));
        c.close();
      },
    });
    const client = new Client({ fetch: async () => new Response(body) });
    for await (const e of client.watch({ name: "x" })) {
      assert.deepEqual([e.type, e.revision, e.token], ["acquired", 7, 7]);
      break;
    }
  }
});
