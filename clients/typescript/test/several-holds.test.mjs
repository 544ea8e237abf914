// Several acquires of one client for one name, and the checks before a request.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Client, Held, LeaseLost, Reentrant } from "@lockd/client";
import { FakeNode } from "./fake-node.mjs";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const acquired = (node) => node.requests.filter((a) => a.verb === "acquire");

test("with a limit above 1 each hold of a client has its own session and slot", async () => {
  const node = new FakeNode();
  const client = node.client();
  const leases = await Promise.all([1, 2, 3].map(() => client.acquire("x", { limit: 3 })));
  assert.deepEqual(leases.map((l) => l.slot).sort(), [0, 1, 2]);
  const sessions = acquired(node).map((a) => a.session);
  assert.equal(new Set(sessions).size, 3);
  assert.ok(sessions.includes(client.session));
  await assert.rejects(client.acquire("x", { limit: 3 }), Held);
  const waits = client.acquire("x", { limit: 3, wait: 60_000 });
  while (node.queueLength("x") === 0) await new Promise(setImmediate);
  await leases[1].release();
  const last = await waits;
  assert.equal(last.slot, leases[1].slot);
  for (const lease of [leases[0], leases[2], last]) {
    await lease.renew();
    await lease.release(); // with another session this would be a loss
  }
  assert.ok((await client.acquire("x")).token > last.token);
});

test("holds with their own sessions are renewed, and a loss ends one hold only", async () => {
  const node = new FakeNode();
  const client = node.client();
  const leases = await Promise.all([1, 2].map(() => client.acquire("x", { limit: 2, ttl: 1_000 })));
  await client.acquire("y", { ttl: 1_000 });
  await client.acquire("z", { ttl: 1_000 });
  const renewed = () => new Set(node.requests.filter((a) => a.verb === "renew").map((a) => a.session));
  while (renewed().size < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  const own = acquired(node).map((a) => a.session).find((s) => s !== client.session);
  assert.deepEqual(renewed(), new Set([client.session, own]));
  for (const lease of leases) lease.check();
  node.break("x");
  await assert.rejects(leases[1].renew(), LeaseLost);
  leases[0].check();
});

test("an aborted acquire with a limit releases the attempt of its session", async () => {
  const node = new FakeNode();
  const client = node.client();
  const kept = [await client.acquire("x", { limit: 2 }), await client.acquire("x", { limit: 2 })];
  const stop = new AbortController();
  const waits = client.acquire("x", { limit: 2, wait: 60_000, signal: stop.signal });
  while (node.queueLength("x") === 0) await new Promise(setImmediate);
  stop.abort(new Error("enough"));
  await assert.rejects(waits, /enough/);
  const [, , requests] = acquired(node);
  const { verb, session, attempt } = node.requests.at(-1);
  assert.deepEqual({ verb, session, attempt }, { verb: "release", session: requests.session, attempt: requests.attempt });
  for (const lease of kept) await lease.release();
});

for (const [what, ask] of [
  ["using", (c) => c.using("x", {}, assert.fail)], ["elect", (c) => c.elect("x", {}, assert.fail)],
  ["locks.request", (c) => c.locks.request("x", assert.fail)], ["acquire", (c) => c.acquire("x", { wait: Infinity })],
]) {
  test(`${what} in work under the same lease throws Reentrant and sends nothing`, async () => {
    for (const outer of [(c, work) => c.using("x", {}, work), (c, work) => c.elect("x", {}, work), (c, work) => c.locks.request("x", work)]) {
      const node = new FakeNode();
      const client = node.client();
      await outer(client, async () => {
        await new Promise(setImmediate);
        await assert.rejects(ask(client), (e) => e instanceof Reentrant && /x is held .* not reentrant/.test(e.message));
        await client.using("y", {}, () => assert.rejects(ask(client), Reentrant));
      });
      assert.deepEqual(acquired(node).map((a) => a.name), ["x", "y"]);
    }
  });
}

test("acquire without a wait in work under the same lease throws Held", async () => {
  const client = new FakeNode().client();
  await client.using("x", {}, () => assert.rejects(client.acquire("x"), Held));
});

test("other clients, other tasks and tasks that outlive the work can wait for the lease", async () => {
  const node = new FakeNode();
  const client = node.client();
  let outlives;
  let other;
  await client.using("x", {}, async () => {
    other = node.client().using("x", {}, () => "other");
    outlives = new Promise((resolve) => setTimeout(resolve, 20)).then(() => client.using("x", {}, () => "outlives"));
  });
  assert.deepEqual(await Promise.all([other, outlives]), ["other", "outlives"]);
  const lease = await client.acquire("x"); // may be released by another task
  const waits = client.using("x", {}, () => "waits");
  await lease.release();
  assert.equal(await waits, "waits");
  await client.using("y", { limit: 2 }, () => client.using("y", { limit: 2 }, () => {}));
});

const wrongNames = [7, undefined, null, {}, Symbol("s"), "", ".", "..", "-x", "a b", "a//b", "x/", "\uD800", "ä", "x".repeat(201)];

test("every method throws a TypeError for an invalid name and sends nothing", async () => {
  const client = new Client({ fetch: assert.fail });
  for (const name of wrongNames) {
    for (const call of [
      () => client.acquire(name), () => client.using(name, {}, assert.fail), () => client.elect(name, {}, assert.fail), () => client.get(name),
      () => client.check(name, 7), () => client.watch({ name: name ?? 7 }).next(),
    ]) {
      await assert.rejects(call, TypeError, `${String(name)} in ${call}`);
    }
  }
  for (const prefix of [7, null, {}, ".", "a b", "a//", "\uD800", "x".repeat(201)]) {
    for (const call of [() => client.watch({ prefix }).next(), () => client.list({ prefix: prefix ?? 7 }).next()]) {
      await assert.rejects(call, TypeError, `${String(prefix)} in ${call}`);
    }
  }
  for (const work of [undefined, null, "work", {}]) {
    await assert.rejects(client.using("x", {}, work), TypeError);
    await assert.rejects(client.elect("x", {}, work), TypeError);
  }
});

test("valid names and prefixes are sent", async () => {
  const client = new FakeNode().client();
  for (const name of ["7", "a/b", "A.b_c:d-e", "x".repeat(200)]) await (await client.acquire(name)).release();
  for (const prefix of ["", "a/", "a", "x".repeat(200)]) await client.list({ prefix }).next();
  const lease = await client.acquire("x");
  await assert.rejects(lease.transfer(7), TypeError);
  lease.check();
  await lease.release();
});
