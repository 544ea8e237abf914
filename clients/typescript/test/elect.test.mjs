// The end of an election, and the errors of its work.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Held, LeaseLost, OutcomeUnknown, Unavailable } from "@lockd/client";

/**
 * Returns a client of a fake node. It grants with growing tokens and refuses renewals, unless `more` has another
 * answer.
 */
function fakeNode(more = {}, onWarning = () => {}) {
  const requests = [];
  let token = 0;
  const answers = {
    acquire: (name, body) => [201, { name, token: ++token, ttl_ms: body.ttl_ms, expires_in_ms: body.ttl_ms }],
    renew: () => [409, { type: "/problems/not-holder", lost: true, definitive: true }],
    release: () => [200, {}],
    ...more,
  };
  const fetch = async (url, init) => {
    const [, , , name, verb] = new URL(url).pathname.split("/");
    requests.push(verb);
    const [status, body] = answers[verb](name, JSON.parse(init.body));
    return new Response(JSON.stringify(body), { status });
  };
  return { client: new Client({ addresses: "a:1", retryFor: 0, fetch, onWarning }), requests };
}

const queued = () => [409, { type: "/problems/held", definitive: true, queued: true, position: 1 }];
const errors = () => [
  new LeaseLost("another lease"), new Unavailable("of a database"), new OutcomeUnknown("of the work"),
  new Held("another lease"), new RangeError("of the work"),
];

for (const own of errors()) {
  test(`every call throws a ${own.name} of the work`, async () => {
    const work = () => {
      throw own;
    };
    const calls = [
      (c) => c.elect("x", {}, work), (c) => c.using("x", {}, work), (c) => c.locks.request("x", {}, work),
      (c) => c.locks.request("x", { ifAvailable: true }, work),
    ];
    for (const call of calls) {
      const { client, requests } = fakeNode();
      await assert.rejects(call(client), (e) => e === own);
      assert.deepEqual(requests, ["acquire", "release"]);
    }
  });
}

for (const after of [...errors(), undefined]) {
  test(`an election continues after a loss if the work throws ${after?.name ?? "nothing"}`, async () => {
    const { client } = fakeNode();
    const led = await client.elect("x", {}, async (_signal, lease) => {
      if (lease.token > 1) return lease.token;
      await assert.rejects(lease.renew(), LeaseLost);
      if (after !== undefined) throw after;
    });
    assert.equal(led, 2);
  });
}

test("work that has finished is not repeated if its lease cannot be released", async () => {
  const warnings = [];
  const { client } = fakeNode({ release: () => [503, { type: "/problems/no-leader", definitive: true }] }, (m) => warnings.push(m));
  let done = 0;
  assert.equal(await client.elect("x", {}, () => ++done), 1);
  assert.equal(warnings.length, 1);
});

test("a loss that no timer could report is reported when the work ends", async () => {
  const { client } = fakeNode();
  const busy = () => {
    for (const start = performance.now(); performance.now() - start < 1_100; );
  };
  await assert.rejects(client.using("x", { ttl: 1_000, keep: false }, busy), LeaseLost);
});

test("a candidate that is stopped between two requests leaves the queue at once", async () => {
  const stop = new AbortController();
  const { client, requests } = fakeNode({ acquire: queued });
  const election = client.elect("x", { signal: stop.signal }, () => assert.fail("it must not lead"));
  while (!requests.includes("acquire")) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 1)); // it has an answer, and pauses for 25 ms at least
  stop.abort();
  await assert.rejects(election, (e) => e === stop.signal.reason);
  assert.equal(requests.at(-1), "release");
});

test("an acquire that is stopped by the loss of another lease leaves the queue too", async () => {
  const stop = new AbortController();
  const reason = new LeaseLost("another lease", { problem: { definitive: true, queued: false } });
  const { client, requests } = fakeNode({
    acquire: () => {
      if (requests.length === 2) stop.abort(reason);
      return queued();
    },
  });
  await assert.rejects(client.acquire("x", { wait: 60_000, signal: stop.signal }), (e) => e === reason);
  assert.deepEqual(requests, ["acquire", "acquire", "release"]);
});
