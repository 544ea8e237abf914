// How a candidate goes, and whose an error of its work is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Held, LeaseLost, OutcomeUnknown, Unavailable } from "@lockd/client";

/** A client of a made-up node: it grants with tokens that grow, has lost what is renewed, and says the rest as it is told. */
function world(more = {}, onWarning = () => {}) {
  const asked = [];
  let token = 0;
  const said = {
    acquire: (name, body) => [201, { name, token: ++token, ttl_ms: body.ttl_ms, expires_in_ms: body.ttl_ms }],
    renew: () => [409, { type: "/problems/not-holder", lost: true, definitive: true }],
    release: () => [200, {}],
    ...more,
  };
  const fetch = async (url, init) => {
    const [, , , name, verb] = new URL(url).pathname.split("/");
    asked.push(verb);
    const [status, body] = said[verb](name, JSON.parse(init.body));
    return new Response(JSON.stringify(body), { status });
  };
  return { client: new Client({ addresses: "a:1", retryFor: 0, fetch, onWarning }), asked };
}

const queued = () => [409, { type: "/problems/held", definitive: true, queued: true, position: 1 }];
const errors = () => [
  new LeaseLost("another lease"), new Unavailable("what it works with"), new OutcomeUnknown("of its own"),
  new Held("another lease"), new RangeError("what it counts"),
];

for (const own of errors()) {
  test(`${own.name} of the work itself comes out of every call`, async () => {
    const work = () => {
      throw own;
    };
    const calls = [
      (c) => c.elect("x", {}, work), (c) => c.using("x", {}, work), (c) => c.locks.request("x", {}, work),
      (c) => c.locks.request("x", { ifAvailable: true }, work),
    ];
    for (const call of calls) {
      const { client, asked } = world();
      await assert.rejects(call(client), (e) => e === own);
      assert.deepEqual(asked, ["acquire", "release"]);
    }
  });
}

for (const after of [...errors(), undefined]) {
  test(`after a loss it is a candidate again, where the work ends with ${after?.name ?? "nothing"}`, async () => {
    const { client } = world();
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
  const { client } = world({ release: () => [503, { type: "/problems/no-leader", definitive: true }] }, (m) => warnings.push(m));
  let done = 0;
  assert.equal(await client.elect("x", {}, () => ++done), 1);
  assert.equal(warnings.length, 1);
});

test("a loss that no timer could tell is told when the work ends", async () => {
  const { client } = world();
  const busy = () => {
    for (const start = performance.now(); performance.now() - start < 1_100; );
  };
  await assert.rejects(client.using("x", { ttl: 1_000, keep: false }, busy), LeaseLost);
});

test("a candidate that is stopped between two requests leaves the queue at once", async () => {
  const stop = new AbortController();
  const { client, asked } = world({ acquire: queued });
  const election = client.elect("x", { signal: stop.signal }, () => assert.fail("it never leads"));
  while (!asked.includes("acquire")) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 1)); // it has been answered, and pauses for 25 ms at least
  stop.abort();
  await assert.rejects(election, (e) => e === stop.signal.reason);
  assert.equal(asked.at(-1), "release");
});

test("who is stopped by the loss of another lease leaves the queue, too", async () => {
  const stop = new AbortController();
  const reason = new LeaseLost("another lease", { problem: { definitive: true, queued: false } });
  const { client, asked } = world({
    acquire: () => {
      if (asked.length === 2) stop.abort(reason);
      return queued();
    },
  });
  await assert.rejects(client.acquire("x", { wait: 60_000, signal: stop.signal }), (e) => e === reason);
  assert.deepEqual(asked, ["acquire", "acquire", "release"]);
});
