// The tests of the Web Locks standard, for `client.locks` instead of `navigator.locks`. lockd has different rules for
// names, and neither shared locks nor steal.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaseLost, Refused } from "@lockd/client";
import { FakeNode } from "./fake-node.mjs";

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));
const until = async (holds) => {
  while (!holds()) await soon();
};
const notSupported = (e) => e instanceof DOMException && e.name === "NotSupportedError";

/** Returns a promise with functions that settle it. */
function deferred() {
  const d = {};
  d.promise = new Promise((resolve, reject) => Object.assign(d, { resolve, reject }));
  return d;
}

/** Requests a lock and holds it until `release` is called. Resolves when the lock is granted. */
async function hold(client, name, options = {}) {
  const granted = deferred();
  const over = deferred();
  const returned = client.locks.request(name, options, (lock) => {
    granted.resolve(lock);
    return over.promise;
  });
  returned.catch(granted.reject);
  return { lock: await granted.promise, release: over.resolve, fail: over.reject, returned };
}

/** Checks that the calls throw the expected error and send nothing. */
async function refusedBeforeSending(expected, calls) {
  const node = new FakeNode();
  const { locks } = node.client();
  for (const call of calls) await assert.rejects(() => call(locks), expected, String(call));
  assert.deepEqual(node.requests, []);
}

// request: its arguments

test("a request needs a name and a callback", () =>
  refusedBeforeSending(TypeError, [(l) => l.request(), (l) => l.request("x")]));

test("the callback must be a function", () => {
  const wrong = [undefined, null, 123, "abc", [], {}, Promise.resolve()];
  return refusedBeforeSending(TypeError, wrong.flatMap((w) => [(l) => l.request("x", w), (l) => l.request("x", {}, w)]));
});

test("the options must be an object", () =>
  refusedBeforeSending(TypeError, ["abc", 3, true, Symbol("s")].map((w) => (l) => l.request("x", w, assert.fail))));

test("the options may be missing, undefined or null, and with a callback alone there are two arguments", async () => {
  const { locks } = new FakeNode().client();
  assert.equal(await locks.request("x", (lock) => lock.name), "x");
  for (const options of [undefined, null, {}]) assert.equal(await locks.request("x", options, (lock) => lock.mode), "exclusive");
});

test("the mode must be known", () =>
  refusedBeforeSending(TypeError, ["foo", null, "", "Exclusive", 1].map((mode) => (l) => l.request("x", { mode }, assert.fail))));

test("the mode exclusive is that of the lock, and shared ones are not supported", async () => {
  const { locks } = new FakeNode().client();
  assert.equal(await locks.request("x", { mode: "exclusive" }, (lock) => lock.mode), "exclusive");
  await refusedBeforeSending(notSupported, [(l) => l.request("x", { mode: "shared" }, assert.fail)]);
});

test("steal and ifAvailable exclude each other", () =>
  refusedBeforeSending(notSupported, [(l) => l.request("x", { steal: true, ifAvailable: true }, assert.fail)]));

test("steal needs an exclusive lock", () =>
  refusedBeforeSending(notSupported, [(l) => l.request("x", { mode: "shared", steal: true }, assert.fail)]));

test("signal and steal exclude each other", () =>
  refusedBeforeSending(notSupported, [(l) => l.request("x", { signal: new AbortController().signal, steal: true }, assert.fail)]));

test("signal and ifAvailable exclude each other", () =>
  refusedBeforeSending(notSupported, [(l) => l.request("x", { signal: new AbortController().signal, ifAvailable: true }, assert.fail)]));

test("steal is refused, and the error names what an operator can do", () =>
  refusedBeforeSending((e) => notSupported(e) && /lockd break/.test(e.message), [(l) => l.request("x", { steal: true }, assert.fail)]));

test("the signal must be an AbortSignal", () => {
  const wrong = ["string", 12.34, false, {}, null, Symbol("s"), () => {}, globalThis, new AbortController()];
  return refusedBeforeSending(TypeError, wrong.map((signal) => (l) => l.request("x", { signal }, assert.fail)));
});

test("a TTL that no node grants is refused", () =>
  refusedBeforeSending(RangeError, [(l) => l.request("x", { ttl: 10 }, assert.fail), (l) => l.request("x", { ttl: "long" }, assert.fail)]));

// names

test("a name is converted to a text", async () => {
  const { locks } = new FakeNode().client();
  for (const name of [7, 1.5, true, null, undefined, ["a"], { toString: () => "made" }]) {
    assert.equal(await locks.request(name, (lock) => lock.name), String(name));
  }
});

test("a name that cannot be converted is refused", () => {
  const thrown = new RangeError("own");
  const own = { toString() { throw thrown; } };
  return refusedBeforeSending((e) => e instanceof TypeError || e === thrown,
    [Symbol("s"), Object.create(null), own].map((name) => (l) => l.request(name, assert.fail)));
});

test("half of a surrogate pair is refused and not changed to another name", () =>
  refusedBeforeSending(TypeError, ["\uD800", "\uDC00", "\uDC00\uD800", "a\uD800b"].map((name) => (l) => l.request(name, assert.fail))));

test("names that begin with - are not supported, and may have it elsewhere", async () => {
  await refusedBeforeSending(notSupported, ["-", "-foo"].map((name) => (l) => l.request(name, assert.fail)));
  assert.equal(await new FakeNode().client().locks.request("x-anything", (lock) => lock.name), "x-anything");
});

test("names that no lease has are not supported", () =>
  refusedBeforeSending(notSupported, ["", "abc\0def", "\uFFFF", "a b", "ä", "a//b", "a/", ".", "..", "/a", "x".repeat(201)].map((name) =>
    (l) => l.request(name, assert.fail))));

test("names with a slash are names of leases, and differ from their parts", async () => {
  const { locks } = new FakeNode().client();
  await locks.request("a", () => locks.request("a/b", (lock) => assert.equal(lock.name, "a/b")));
});

// request: what comes of it

test("it returns a promise of what the callback returns, whether that is a promise or not", async () => {
  const { locks } = new FakeNode().client();
  const returned = locks.request("x", () => 123);
  assert.equal(Promise.resolve(returned), returned);
  assert.equal(await returned, 123);
  assert.equal(await locks.request("x", async () => 123), 123);
});

test("the promise is resolved after the lock is released", async () => {
  const node = new FakeNode();
  await node.client().locks.request("x", () => {});
  assert.deepEqual(node.requests.map((a) => a.verb), ["acquire", "release"]);
  assert.equal(await node.client().locks.request("x", { ifAvailable: true }, (lock) => lock?.name), "x");
});

for (const [how, callback] of [["throws", (e) => () => { throw e; }], ["rejects", (e) => async () => { throw e; }]]) {
  test(`the promise is rejected with what the callback ${how}, and the lock is released`, async () => {
    const node = new FakeNode();
    for (const own of [new RangeError("own"), { name: "test" }, 123]) {
      await assert.rejects(node.client().locks.request("x", callback(own)), (e) => e === own);
    }
    assert.equal(await node.client().locks.request("x", { ifAvailable: true }, (lock) => lock?.name), "x");
  });
}

for (const end of ["release", "fail"]) {
  for (const who of ["the same client", "another client"]) {
    test(`a lock is held until the promise of its callback ends: ${end}, ${who} waits`, async () => {
      const node = new FakeNode();
      const client = node.client();
      const first = await hold(client, "x");
      const order = [];
      const second = (who === "the same client" ? client : node.client()).locks.request("x", () => order.push("second"));
      await soon();
      order.push("first");
      first[end](new Error("of the callback"));
      await Promise.allSettled([first.returned, second]);
      assert.deepEqual(order, ["first", "second"]);
    });
  }
}

test("requests are granted in the order in which they were made, also to one client", async () => {
  const { locks } = new FakeNode().client();
  const granted = [];
  const ask = (n) => locks.request("x", async () => {
    granted.push(n);
    await soon();
  });
  await Promise.all([1, 2, 3, 4, 5].map(ask));
  assert.deepEqual(granted, [1, 2, 3, 4, 5]);
});

test("exclusive locks of one name exclude each other, and those of other names do not", async () => {
  const { locks } = new FakeNode().client();
  let inside = 0;
  const one = (name) => locks.request(name, async () => {
    assert.equal(name === "x" ? ++inside : 1, 1);
    await soon();
    if (name === "x") inside--;
  });
  const other = await hold({ locks }, "y");
  await Promise.all([one("x"), one("x"), one("z")]);
  other.release();
  await other.returned;
});

test("a lock has the requested name and mode, and is the lease with its token and signal", async () => {
  const { locks } = new FakeNode().client();
  await locks.request("resource", (lock) => {
    assert.deepEqual([lock.name, lock.mode, lock.token > 0, lock.signal.aborted, lock.slot], ["resource", "exclusive", true, false, 0]);
  });
});

test("a request is rejected if its lock is broken, also if the work ignores the signal", async () => {
  const node = new FakeNode();
  const broken = await hold(node.client(), "x");
  const waits = node.client().locks.request("x", () => "next");
  await until(() => node.queueLength("x") === 1);
  node.break("x");
  assert.equal(await waits, "next");
  broken.release();
  await assert.rejects(broken.returned, LeaseLost);
});

// ifAvailable

test("ifAvailable gives a lock that is free", async () => {
  assert.equal(await new FakeNode().client().locks.request("x", { ifAvailable: true }, (lock) => lock.name), "x");
});

for (const who of ["itself", "the same client", "another client"]) {
  test(`ifAvailable gives null if ${who} has the lock, and the request returns the callback's result`, async () => {
    const node = new FakeNode();
    const client = node.client();
    const { locks } = who === "another client" ? node.client() : client;
    const own = { name: "test" };
    const ask = async () => {
      assert.equal(await locks.request("x", { ifAvailable: true }, (lock) => (assert.equal(lock, null), 123)), 123);
      assert.equal(await locks.request("x", { ifAvailable: true }, async (lock) => (assert.equal(lock, null), 123)), 123);
      const thrown = locks.request("x", { ifAvailable: true }, () => { throw own; });
      assert.equal(Promise.resolve(thrown), thrown);
      await assert.rejects(thrown, (e) => e === own);
      await assert.rejects(locks.request("x", { ifAvailable: true }, async () => { throw own; }), (e) => e === own);
    };
    if (who === "itself") return client.locks.request("x", ask);
    const held = await hold(client, "x");
    await ask();
    held.release();
    await held.returned;
  });
}

test("ifAvailable gives a lock while another one is held", async () => {
  const { locks } = new FakeNode().client();
  await locks.request("x", () => locks.request("other", { ifAvailable: true }, (lock) => assert.equal(lock.name, "other")));
});

test("ifAvailable gives null for each refusal that other clients cause, and throws the others", async () => {
  const node = new FakeNode();
  const { locks } = node.client();
  for (const type of ["held", "delayed", "limit-mismatch"]) {
    node.refusals.set("x", type);
    assert.equal(await locks.request("x", { ifAvailable: true }, (lock) => lock), null, type);
  }
  for (const type of ["session-in-use", "refused"]) {
    node.refusals.set("x", type);
    await assert.rejects(locks.request("x", { ifAvailable: true }, assert.fail), Refused, type);
  }
});

test("ifAvailable gives a lock that was released just before", async () => {
  const { locks } = new FakeNode().client();
  await locks.request("outer", async () => {
    await locks.request("x", () => {});
    assert.equal(await locks.request("x", { ifAvailable: true }, (lock) => lock?.name), "x");
  });
});

test("ifAvailable does not overtake a waiter", async () => {
  const node = new FakeNode();
  const held = await hold(node.client(), "x");
  const waits = node.client().locks.request("x", () => {});
  await until(() => node.queueLength("x") === 1);
  assert.equal(await node.client().locks.request("x", { ifAvailable: true }, (lock) => lock), null);
  held.release();
  await waits;
});

// signal

test("a signal that has aborted rejects with its reason, and nothing is sent", async () => {
  for (const reason of [undefined, new RangeError("own"), "text"]) {
    const signal = AbortSignal.abort(reason);
    await refusedBeforeSending((e) => e === signal.reason, [(l) => l.request("x", { signal }, assert.fail)]);
  }
  await refusedBeforeSending((e) => e.name === "AbortError", [(l) => l.request("x", { signal: AbortSignal.abort() }, assert.fail)]);
});

for (const who of ["the same client", "another client"]) {
  test(`a request that waits for ${who} is rejected when its signal aborts, and is pending no more`, async () => {
    const node = new FakeNode();
    const client = node.client();
    const asks = who === "another client" ? node.client() : client;
    const held = await hold(client, "x");
    const stop = new AbortController();
    const aborted = asks.locks.request("x", { signal: stop.signal }, assert.fail);
    const next = client.locks.request("x", () => "next");
    await until(() => who === "the same client" || node.queueLength("x") === 1);
    assert.equal((await client.locks.query()).pending.length, 2);
    stop.abort();
    await assert.rejects(aborted, (e) => e.name === "AbortError");
    assert.equal((await client.locks.query()).pending.length, 1);
    held.release();
    assert.equal(await next, "next");
  });
}

test("a request is rejected when a timeout aborts it", async () => {
  const node = new FakeNode();
  const held = await hold(node.client(), "x");
  await assert.rejects(node.client().locks.request("x", { signal: AbortSignal.timeout(10) }, assert.fail), (e) => e.name === "TimeoutError");
  held.release();
  await held.returned;
});

test("a signal that does not abort changes nothing", async () => {
  const { signal } = new AbortController();
  assert.equal(await new FakeNode().client().locks.request("x", { signal }, (lock) => lock.name), "x");
});

test("an abort right after the request rejects it, and the next one is granted", async () => {
  const { locks } = new FakeNode().client();
  const stop = new AbortController();
  const first = locks.request("x", { signal: stop.signal }, assert.fail);
  const next = locks.request("x", () => "next");
  stop.abort();
  await assert.rejects(first, (e) => e.name === "AbortError");
  assert.equal(await next, "next");
});

for (const when of ["granted", "released"]) {
  test(`an abort after the lock was ${when} has no effect`, async () => {
    const stop = new AbortController();
    const held = await hold(new FakeNode().client(), "x", { signal: stop.signal });
    if (when === "released") held.release("resolved ok");
    stop.abort();
    assert.equal(held.lock.signal.aborted && held.lock.signal.reason instanceof LeaseLost, false);
    held.release("resolved ok");
    assert.equal(await held.returned, "resolved ok");
  });
}

// query

test("query returns two empty lists if there are no locks", async () => {
  assert.deepEqual(await new FakeNode().client().locks.query(), { held: [], pending: [] });
});

test("held and pending locks have a name, a mode and a clientId that is not secret", async () => {
  const node = new FakeNode();
  const client = node.client();
  const held = await hold(client, "x");
  const waits = client.locks.request("x", () => {});
  const state = await client.locks.query();
  const [{ clientId }] = state.held;
  assert.deepEqual(state, { held: [{ name: "x", mode: "exclusive", clientId }], pending: [{ name: "x", mode: "exclusive", clientId }] });
  assert.ok(typeof clientId === "string" && clientId.length >= 16 && !clientId.includes(client.session) && !client.session.includes(clientId));
  held.release();
  await waits;
  assert.deepEqual(await client.locks.query(), { held: [], pending: [] });
});

test("the locks of one client have one clientId, and those of others have their holder label", async () => {
  const node = new FakeNode();
  const [mine, other] = [node.client({ holder: "mine" }), node.client({ holder: "other" })];
  const holds = [await hold(mine, "x"), await hold(mine, "y"), await hold(other, "z")];
  const waits = [mine.locks.request("z", () => {}), other.locks.request("x", () => {})];
  await until(() => node.queueLength("x") + node.queueLength("z") === 2);
  const { held, pending } = await mine.locks.query();
  const id = held[0].clientId;
  assert.deepEqual(held.map((h) => [h.name, h.clientId]), [["x", id], ["y", id], ["z", "other"]]);
  assert.deepEqual(new Set(pending.map((p) => `${p.name} ${p.clientId}`)), new Set([`z ${id}`, "x other"]));
  for (const h of holds) h.release();
  await Promise.all(waits);
});

test("two clients with one holder label have different clientIds", async () => {
  const node = new FakeNode();
  const [mine, other] = [node.client({ holder: "same" }), node.client({ holder: "same" })];
  const held = await hold(other, "x");
  const waits = mine.locks.request("x", () => {});
  await until(() => node.queueLength("x") === 1);
  const state = await mine.locks.query();
  assert.equal(state.held[0].clientId, "same");
  assert.notEqual(state.pending[0].clientId, "same");
  held.release();
  await waits;
});

test("several requests of one client for one lock are all pending", async () => {
  const client = new FakeNode().client();
  const held = await hold(client, "x");
  const waits = [1, 2, 3].map(() => client.locks.request("x", () => {}));
  assert.equal((await client.locks.query()).pending.length, 3);
  held.release();
  await Promise.all(waits);
});

test("held locks are in the order of their grants", async () => {
  const client = new FakeNode().client();
  const held = [];
  for (const name of ["c", "a", "b"]) held.push(await hold(client, name));
  assert.deepEqual((await client.locks.query()).held.map((h) => h.name), ["c", "a", "b"]);
  held[0].release();
  await held[0].returned;
  held[0] = await hold(client, "c");
  assert.deepEqual((await client.locks.query()).held.map((h) => h.name), ["a", "b", "c"]);
  for (const h of held) h.release();
});

test("pending requests are in the order of the requests", async () => {
  const node = new FakeNode();
  const clients = ["one", "two", "three"].map((holder) => node.client({ holder }));
  const reader = node.client({ holder: "reader" });
  for (const order of [[0, 1, 2], [2, 0, 1]]) {
    const first = await hold(reader, "x");
    const waits = [];
    for (const i of order) {
      waits.push(clients[i].locks.request("x", () => {}));
      await until(() => node.queueLength("x") === waits.length);
    }
    const { pending } = await reader.locks.query();
    assert.deepEqual(pending.map((p) => p.clientId), order.map((i) => clients[i].holder));
    first.release();
    await Promise.all(waits);
  }
});

test("a request is pending before a node has received it", async () => {
  const node = new FakeNode();
  const client = node.client();
  const requested = client.locks.request("x", () => {});
  const { held, pending } = await client.locks.query();
  assert.equal(held.length + pending.length, 1);
  await requested;
});
