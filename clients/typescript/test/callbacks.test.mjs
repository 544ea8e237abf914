// A listener of one lease does not affect the other leases of its client.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { Client, LeaseLost } from "@lockd/client";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

/** Returns a client of a fake node that refuses to renew the leases named in `broken`. */
function fakeNode() {
  const broken = new Set();
  const renewed = []; // names
  const grant = ({ name, token, ttl_ms }) => ({ name, token, slot: 0, holder: "h", ttl_ms, expires_in_ms: ttl_ms, waited_ms: 0, revision: 9 });
  const leases = new Map();
  const renew = (name) => {
    if (!broken.has(name)) renewed.push(name);
    return !broken.has(name);
  };
  const serve = (path, body) => {
    const [, , , name, verb] = path.split("/").map(decodeURIComponent);
    if (verb === "acquire") {
      leases.set(name, grant({ name, token: leases.size + 1, ttl_ms: body.ttl_ms }));
      return [201, leases.get(name)];
    }
    if (path === "/v1/sessions/renew") {
      return [200, { leases: body.leases.filter((l) => renew(l.name)).map((l) => leases.get(l.name)), waited_ms: 0, revision: 9 }];
    }
    if (verb === "renew") return renew(name) ? [200, leases.get(name)] : [409, { type: "/problems/not-holder", lost: true, definitive: true }];
    return [200, {}];
  };
  const fetch = async (url, init) => {
    const [status, body] = serve(new URL(url).pathname, JSON.parse(init.body));
    return new Response(JSON.stringify(body), { status });
  };
  return { client: new Client({ addresses: "a:1", fetch }), broken, renewed };
}

const fail = () => {
  throw new RangeError("a listener of the program");
};

/** Collects uncaught errors until the test ends. */
function uncaught(t) {
  const errors = [];
  process.setUncaughtExceptionCaptureCallback((e) => errors.push(e));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  return errors;
}

test("a listener that throws does not delay the deadline of another lease", async (t) => {
  const errors = uncaught(t);
  const { client } = fakeNode();
  const first = await client.acquire("first", { ttl: 1_000, keep: false });
  const second = await client.acquire("second", { ttl: 1_500, keep: false });
  first.signal.addEventListener("abort", fail);
  const aborted = [once(first.signal, "abort"), once(second.signal, "abort")];
  await Promise.all(aborted);
  assert.ok(second.signal.reason instanceof LeaseLost);
  assert.deepEqual(errors.map((e) => e.constructor), [RangeError]);
});

test("a listener that throws does not stop the renewals of another lease", async (t) => {
  const errors = uncaught(t);
  const { client, broken, renewed } = fakeNode();
  const first = await client.acquire("first", { ttl: 4_000 });
  const second = await client.acquire("second", { ttl: 4_000 });
  first.signal.addEventListener("abort", fail);
  const lost = once(first.signal, "abort");
  broken.add("first");
  await lost;
  const before = renewed.length;
  while (renewed.length < before + 3) {
    second.check();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  broken.add("second");
  if (!second.signal.aborted) await once(second.signal, "abort");
  assert.ok(second.signal.reason instanceof LeaseLost);
  assert.deepEqual(errors.map((e) => e.constructor), [RangeError]);
});
