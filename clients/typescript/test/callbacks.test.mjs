// What a listener may do to the other leases of its client: nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { Client, LeaseLost } from "@lockd/client";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process
after(() => clearInterval(alive));

/** A client of a made-up node, which has lost the leases named in `broken`. */
function world() {
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
    const [status, said] = serve(new URL(url).pathname, JSON.parse(init.body));
    return new Response(JSON.stringify(said), { status });
  };
  return { client: new Client({ addresses: "a:1", fetch }), broken, renewed };
}

const fail = () => {
  throw new RangeError("a listener of the program");
};

/** Collects what nobody catches, until the test ends. */
function uncaught(t) {
  const errors = [];
  process.setUncaughtExceptionCaptureCallback((e) => errors.push(e));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  return errors;
}

test("a listener that throws costs no other lease its deadline", async (t) => {
  const errors = uncaught(t);
  const { client } = world();
  const first = await client.acquire("first", { ttl: 1_000, keep: false });
  const second = await client.acquire("second", { ttl: 1_500, keep: false });
  first.signal.addEventListener("abort", fail);
  const told = [once(first.signal, "abort"), once(second.signal, "abort")];
  await Promise.all(told);
  assert.ok(second.signal.reason instanceof LeaseLost);
  assert.deepEqual(errors.map((e) => e.constructor), [RangeError]);
});

test("a listener that throws costs no other lease its renewals", async (t) => {
  const errors = uncaught(t);
  const { client, broken, renewed } = world();
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
