// Tokens: where they are sent, how their source is read again, and what a refusal of one does to a hold.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, test } from "node:test";
import { inspect } from "node:util";
import {
  Client, CrossOrigin, LeaseLost, LockdError, NotAllowed, QuotaExceeded, Refused, Unauthenticated, Unavailable,
} from "@lockd/client";
import { FakeNode } from "./fake-node.mjs";
const { Tokens } = await import(new URL("tokens.js", import.meta.resolve("@lockd/client")));
const { errorOf, problemOf } = await import(new URL("errors.js", import.meta.resolve("@lockd/client")));

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const token = "lockd_abcdefghij_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_012345";
const dir = mkdtempSync(join(tmpdir(), "lockd-tokens-"));
after(() => rmSync(dir, { recursive: true }));
let files = 0;

/** Writes a token to a new file. Returns its path. */
function tokenFile(text) {
  const path = join(dir, `token-${files++}`);
  writeFileSync(path, text);
  return path;
}

/** Returns a node that refuses requests without its token. Their warnings are in `warnings`. */
function guarded(current = token) {
  const node = new FakeNode();
  const warnings = [];
  node.token = current;
  node.denied = () => false;
  node.deny = (r) => {
    if (r.authorization !== `Bearer ${node.token}`) return node.locked ? [429, "rate-limited"] : [401, "unauthenticated"];
    return node.denied(r) ? [403, "not-allowed"] : undefined;
  };
  const client = (options) => node.client({ addresses: "https://a:1", onWarning: (m) => warnings.push(m), ...options });
  const verbs = () => node.requests.map((r) => r.verb);
  return { node, client, warnings, verbs };
}

async function until(true_) {
  for (let n = 0; !true_(); n++) {
    assert.ok(n < 6_000, "the condition did not become true");
    await sleep(10);
  }
}

/** Runs a node with node:http. Returns its address. */
async function serve(t, handle) {
  const server = createServer((q, a) => q.resume().on("end", () => handle(q, a))).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `127.0.0.1:${server.address().port}`;
}

test("the token is sent with each request, and a function is called once a minute and after a 401", async () => {
  const { node, client } = guarded("second");
  const answers = ["first", "second", "second"];
  let calls = 0;
  const c = client({ token: async () => answers[calls++] });
  const lease = await c.acquire("x", { keep: false });
  assert.equal(calls, 2);
  await lease.renew();
  await lease.release();
  assert.equal(calls, 2);
  node.token = "third";
  await assert.rejects(c.watch({ name: "x" }).next(), Unauthenticated);
  assert.deepEqual(node.requests.map((r) => r.authorization.slice(7)), ["first", "second", "second", "second", "second"]);
});

test("without a token nothing is sent", async () => {
  const { node, client } = guarded();
  const c = client({ token: () => Promise.reject(new Error("not yet")) });
  await assert.rejects(c.acquire("x"), (e) => e instanceof Unavailable && /there is no token: not yet/.test(e.message));
  await assert.rejects(c.watch({ name: "x" }).next(), Unavailable);
  assert.deepEqual(node.requests, []);
});

test("wrong settings are refused when the client is made, and no error contains the token", () => {
  for (const [options, error] of [
    [{ addresses: "http://other:7400", token }, /write https:\/\/other:7400, or set insecure/],
    [{ addresses: "10.0.0.1/base", token: () => token }, /write https:\/\/10.0.0.1:7400\/base/],
    [{ addresses: ["localhost", "localhost.other"], token }, /only over https/],
    [{ token, tokenFile: "/x" }, /token and tokenFile are both given/],
    [{ token, headers: { authorization: "x" } }, /a token too; give only one/],
    [{ tokenFile: "/none/token" }, /tokenFile "\/none\/token": ENOENT/],
    [{ tokenFile: dir }, /EISDIR/],
    [{ tokenFile: tokenFile("\n") }, /must be one token/],
    ...["", ` ${token}`, `${token}\n`, `${token}\r\ny: z`, "ü", `${token} b`, 7].map((t) => [{ token: t }, /token: it must be one token/]),
  ]) {
    assert.throws(() => new Client(options), (e) => e instanceof TypeError && error.test(e.message) && !inspect(e).includes(token), inspect(options));
  }
  for (const addresses of ["https://other", "localhost", "http://127.0.0.9:1", "[::1]", "[0:0::1]:1"]) new Client({ addresses, token });
  new Client({ addresses: "http://other", token, insecure: true });
});

test("a redirect is not followed", async (t) => {
  const requests = [];
  const other = await serve(t, (q, a) => (requests.push(q.url), a.end("{}")));
  const address = await serve(t, (q, a) => a.writeHead(307, { location: `http://${other}${q.url}` }).end());
  for (const options of [{}, { fetch: globalThis.fetch }]) {
    const client = new Client({ addresses: address, token, retryFor: 0, ...options });
    await assert.rejects(client.acquire("x"), Refused);
    await assert.rejects(client.get("x"), Refused);
    await assert.rejects(client.watch({ name: "x" }).next(), Refused);
  }
  assert.deepEqual(requests, []);
});

for (const status of [401, 429]) {
  test(`a renewal works with the token that the file has after a ${status}`, async () => {
    const { node, client } = guarded("first");
    node.locked = status === 429;
    const path = tokenFile("first\n");
    const lease = await client({ tokenFile: path }).acquire("x", { keep: false });
    await lease.renew();
    node.token = "second";
    await assert.rejects(lease.renew(), (e) => e instanceof Refused && e.problem.status === status);
    assert.ok(!lease.lost && lease.remaining() > 0);
    writeFileSync(path, "second \r\n");
    await lease.renew();
    await lease.release();
    assert.deepEqual(node.requests.slice(2).map((r) => r.authorization.slice(7)), ["first", "first", "second", "second"]);
  });
}

for (const status of [401, 403]) {
  test(`a hold whose renewals get ${status} is kept until its deadline, and lost there`, async () => {
    const { node, client, warnings } = guarded();
    const begun = performance.now();
    const lease = await client({ token }).acquire("x", { ttl: 1_000 });
    let lost;
    lease.signal.addEventListener("abort", () => (lost = performance.now() - begun));
    if (status === 401) node.token = "another";
    else node.denied = (r) => r.verb === "renew";
    await until(() => lost !== undefined);
    assert.ok(lost >= 900 && lost < 5_000, `lost after ${lost} ms`);
    assert.ok(lease.signal.reason instanceof LeaseLost && /local deadline/.test(lease.signal.reason.message), inspect(lease.signal.reason));
    const renewals = node.requests.filter((r) => r.verb === "renew").length;
    assert.ok(renewals >= 2 && renewals <= 10, `${renewals} renewals`);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /a renewal was refused: .*it is repeated until the deadline/);
  });

  test(`an acquire that gets ${status} ends at once`, async () => {
    const { node, client } = guarded();
    if (status === 401) node.token = "another";
    node.denied = () => true;
    const c = client({ token, retryFor: 5_000 });
    for (const acquire of [() => c.acquire("x", { wait: 60_000 }), () => c.acquireAll(["x"]), () => c.elect("x", {}, () => {})]) {
      node.requests.length = 0;
      await assert.rejects(acquire(), (e) => e instanceof (status === 401 ? Unauthenticated : NotAllowed) && e.problem.status === status);
      assert.equal(node.requests.length, 1, "neither a repeat nor a release");
    }
  });

  test(`a release that gets ${status} is reported and not repeated`, async () => {
    const { node, client, warnings, verbs } = guarded();
    const kind = status === 401 ? Unauthenticated : NotAllowed;
    const releases = () => verbs().filter((v) => v === "release").length;
    const deny = () => (status === 401 ? (node.token = "another") : (node.denied = (r) => r.verb === "release"));
    const allow = () => ((node.token = token), (node.denied = () => false));
    const c = client({ token });
    const lease = await c.acquire("x");
    deny();
    await assert.rejects(lease.release(), kind);
    assert.ok(!lease.lost);
    const begun = performance.now();
    await c.close();
    assert.ok(performance.now() - begun < 4_000, "close does not wait for it");
    await sleep(300);
    assert.equal(releases(), 1, "it is not repeated in the background");
    await assert.rejects(c.acquire("x"), kind);
    assert.equal(releases(), 2, "the next acquire sends it first");
    allow();
    await c.using("x", {}, () => {
      assert.equal(releases(), 3);
      deny();
    });
    assert.equal(releases(), 4);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /; the lease ends with its TTL$/);
  });
}

test("a renewal that works again keeps the hold", async () => {
  const { node, client } = guarded();
  let left = 2;
  node.denied = (r) => r.verb === "renew" && left-- > 0;
  const lease = await client({ token }).acquire("x", { ttl: 3_000 });
  await until(() => node.requests.filter((r) => r.verb === "renew").length >= 4);
  assert.ok(!lease.lost);
  await lease.release();
});

test("a hold that may not be renewed does not cost the others", async () => {
  const { node, client } = guarded();
  node.denied = (r) => r.verb === "renew" && (r.name === "a" || r.leases?.some((l) => l.name === "a"));
  const c = client({ token });
  const [a, b] = [await c.acquire("a", { ttl: 3_000 }), await c.acquire("b", { ttl: 3_000 })];
  await until(() => a.lost);
  assert.ok(!b.lost && b.remaining() > 0);
  await b.release();
});

test("a waiter that is refused leaves its place in the queue", async () => {
  const { node, client, verbs } = guarded();
  const verdicts = [[409, "held"], [401, "unauthenticated"], [401, "unauthenticated"]];
  node.deny = () => verdicts.shift();
  const answer = client({ token, fetch: async (url, init) => {
    node.requests.push({ verb: url.split("/").at(-1), ...JSON.parse(init.body) });
    const [status, type] = verdicts.shift();
    return new Response(JSON.stringify({ type: `/problems/${type}`, definitive: true, queued: type === "held" }), { status });
  } });
  await assert.rejects(answer.acquire("x", { wait: 60_000 }), Unauthenticated);
  assert.deepEqual(verbs(), ["acquire", "acquire", "release"]);
});

test("an acquire is repeated once with the new token of the file", async () => {
  const { node, client } = guarded("second");
  const path = tokenFile("first");
  const c = client({ tokenFile: path });
  writeFileSync(path, "second");
  await c.acquire("x", { keep: false });
  node.token = "third";
  await assert.rejects(c.acquire("y"), Unauthenticated);
  writeFileSync(path, "fourth");
  await assert.rejects(c.acquire("y"), Unauthenticated);
  assert.deepEqual(node.requests.map((r) => r.authorization.slice(7)), ["first", "second", "second", "second", "fourth"]);
});

test("a watch continues after a limit, once it has begun", async () => {
  const event = (revision) => new Response(`event: acquired\nid: ${revision}\ndata: {"name":"x","token":${revision}}\n\n`);
  const limit = () => new Response(JSON.stringify({ type: "/problems/rate-limited", definitive: true, retry_after_ms: 300 }), { status: 429 });
  const answers = [event(7), limit(), event(9)];
  const options = { token, addresses: "https://a:1", fetch: async () => answers.shift() };
  const watch = new Client(options).watch({ name: "x" });
  assert.equal((await watch.next()).value.revision, 7);
  const began = performance.now();
  assert.equal((await watch.next()).value.revision, 9);
  assert.ok(performance.now() - began >= 299);
  answers.push(limit());
  await assert.rejects(new Client(options).watch({ name: "x" }).next(), Refused);
});

test("a watch is repeated with the new token of the file", async () => {
  const { node, client } = guarded("none");
  const path = tokenFile("first");
  const c = client({ tokenFile: path });
  writeFileSync(path, "second");
  await assert.rejects(c.watch({ name: "x" }).next(), Unauthenticated);
  assert.deepEqual(node.requests.map((r) => r.authorization.slice(7)), ["first", "second"]);
});

test("the token is in no error, no warning and no inspection", async (t) => {
  const answers = [[401, ""], [403, "text"], [400, JSON.stringify({ type: "/problems/invalid", detail: "x" })], [503, ""], [200, ""]];
  let current;
  const address = await serve(t, (q, a) => {
    const [status, text] = current;
    a.writeHead(status).end(text.replace("x", `x ${q.headers.authorization}`) || `echo: ${q.headers.authorization}`);
  });
  const shown = [];
  const client = new Client({ addresses: address, token, retryFor: 0, onWarning: (m) => shown.push(m) });
  for (current of answers) {
    for (const call of [() => client.get("x"), () => client.acquireAll(["x"]), () => client.watch({ name: "x" }).next()]) {
      const e = await call().catch((e) => e);
      assert.ok(e instanceof LockdError, inspect(e));
      shown.push(inspect(e, { depth: 9, showHidden: true }), JSON.stringify(e.problem ?? {}));
    }
  }
  shown.push(inspect(client, { depth: 9, showHidden: true }), JSON.stringify(client), String(client));
  assert.ok(shown.length > 30);
  assert.ok(!shown.join("\n").includes(token));
});

test("a file is read again each minute, and its last good token stays", async () => {
  const warnings = [];
  let now = 0;
  const path = tokenFile("first");
  const tokens = new Tokens({ tokenFile: path }, () => ({ mono: now, boot: 0, wall: 0 }), (m) => warnings.push(m));
  writeFileSync(path, "second");
  assert.equal(await tokens.current(), "first");
  now += 60_000;
  assert.equal(await tokens.current(), "second");
  for (const text of ["", "two words", "x".repeat(16385), undefined]) {
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
    now += 60_000;
    assert.equal(await tokens.current(), "second");
    assert.equal(await tokens.changed("second"), false);
  }
  assert.equal(warnings.length, 1, "it is reported once");
  assert.match(warnings[0], /must be one token of .*; the last token is still used$/);
  writeFileSync(path, "third");
  assert.equal(await tokens.changed("second"), true);
  rmSync(path);
  assert.equal(await tokens.changed("third"), false);
  assert.equal(warnings.length, 2);
});

test("each refusal has its error", () => {
  for (const [status, type, kind] of [
    [401, "unauthenticated", Unauthenticated], [403, "not-allowed", NotAllowed], [403, "cross-origin", CrossOrigin], [429, "quota", QuotaExceeded],
  ]) {
    const error = errorOf(problemOf(status, null, JSON.stringify({ type: `/problems/${type}`, definitive: true })));
    assert.ok(error.constructor === kind && error instanceof Refused && error.name === kind.name && error.problem.type === type);
  }
});

test("a wait continues when a quota is used up", async () => {
  const node = new FakeNode();
  let refusals = 1;
  node.deny = () => (refusals-- > 0 ? [429, "quota"] : undefined);
  await assert.rejects(node.client().acquire("x"), QuotaExceeded);
  refusals = 1;
  await (await node.client().acquire("x", { wait: 60_000, keep: false })).release();
});
