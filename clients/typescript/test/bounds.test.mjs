// The limits for a faulty or hostile node: see "Bounds" in clients/README.md.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { Client, Held, OutcomeUnknown, Refused, Unavailable } from "@lockd/client";
// The package does not export these.
const { nodeTransport } = await import(new URL("node-transport.js", import.meta.resolve("@lockd/client")));
const { Hold } = await import(new URL("hold.js", import.meta.resolve("@lockd/client")));

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const grant = { name: "x", holder: "h", token: 7, slot: 0, ttl_ms: 60000, expires_in_ms: 59940, waited_ms: 0, revision: 7 };
const quiet = { onWarning: () => {}, retryFor: 0 };

/** Starts a node on a raw socket. It passes each request to `serve` with the socket. */
async function node(t, serve, host = "127.0.0.1", port = 0) {
  const open = new Set();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("data", (d) => serve(socket, d.toString("latin1")));
  }).listen(port, host);
  await once(server, "listening");
  t.after(() => {
    for (const s of open) s.destroy();
    server.close();
  });
  return `${host}:${server.address().port}`;
}

const answer = (status, body) => `HTTP/1.1 ${status} x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const endless = (head, piece) => (socket) => {
  socket.write(head);
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
    if (!socket.destroyed) socket.once("drain", more);
  };
  more();
};

for (const [what, head, piece, text] of [
  ["body that announces 10 GiB", "HTTP/1.1 201 x\r\ncontent-length: 10737418240\r\n\r\n", "x".repeat(65536), /longer than 8388608/],
  ["body of chunks without an end", "HTTP/1.1 201 x\r\ntransfer-encoding: chunked\r\n\r\n", `10000\r\n${" ".repeat(65536)}\r\n`, /longer than 8388608/],
  ["error without an end", "HTTP/1.1 500 x\r\n\r\n", "<".repeat(65536), /longer than 8388608/],
  ["header without an end", "HTTP/1.1 201 x\r\n", `x-a: ${"a".repeat(8000)}\r\n`, /overflow/i],
]) {
  test(`a ${what} is not read`, async (t) => {
    const address = await node(t, endless(head, piece));
    const client = new Client({ addresses: address, ...quiet });
    await assert.rejects(client.acquire("x"), (e) => e instanceof OutcomeUnknown && text.test(e.message));
    await assert.rejects(client.get("x"), (e) => e instanceof Unavailable && text.test(e.message));
  });
}

test("an attempt ends at its timeout if the answer is slow, and interim answers do not extend it", async (t) => {
  for (const [head, piece] of [["HTTP/1.1 201 x\r\ncontent-length: 1000\r\n\r\n", " "], ["", "HTTP/1.1 100 Continue\r\n\r\n"]]) {
    const address = await node(t, (socket) => {
      socket.write(head);
      const timer = setInterval(() => socket.write(piece), 50);
      socket.once("close", () => clearInterval(timer));
    });
    const client = new Client({ addresses: address, requestTimeout: 300, ...quiet });
    await assert.rejects(client.acquire("x"), (e) => e instanceof OutcomeUnknown && /no answer within 300 ms/.test(e.message));
  }
});

test("a message of a watch that is too long is not read", async (t) => {
  for (const piece of ["x".repeat(65536), `x\ndata: ${"x".repeat(60000)}\n`]) {
    const address = await node(t, endless("HTTP/1.1 200 x\r\n\r\ndata: ", piece));
    const watch = new Client({ addresses: address, ...quiet }).watch({ name: "x" });
    await assert.rejects(watch.next(), (e) => e instanceof Unavailable && /longer than 8388608/.test(e.message));
  }
});

test("the connection of an abandoned attempt is reset, so that the kernel discards what it has not sent", async (t) => {
  let ended;
  const how = new Promise((resolve) => (ended = resolve));
  const address = await node(t, (socket) => {
    socket.once("error", (e) => ended(e.code));
    socket.once("end", () => ended("an orderly end"));
  });
  const client = new Client({ addresses: address, requestTimeout: 100, ...quiet });
  await assert.rejects(client.acquire("x"), OutcomeUnknown);
  assert.equal(await how, "ECONNRESET");
});

/** Sends a request with node:http, with the test's IP addresses for the name. */
function request(found, port, timeout = 3_000) {
  const transport = nodeTransport((_host, _options, done) => done(null, found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))));
  const sent = {
    method: "POST", base: `http://node.test:${port}`, path: "/v1/x", headers: {}, body: "{}", timeout, background: false, sent: false,
    signal: AbortSignal.timeout(30_000),
  };
  return { sent, reply: transport(sent) };
}

test("the next IP address of a name is tried while the first does not answer, and Host is unchanged", async (t) => {
  let received = "";
  const address = await node(t, (socket, text) => {
    received += text;
    socket.write(answer(200, "{}"));
  }, "127.0.0.2");
  // A listener with a full queue neither accepts nor refuses a connection.
  const port = Number(address.split(":")[1]);
  const dead = await fullListener(t, port);
  const { sent, reply } = request([dead, "127.0.0.2"], port);
  assert.equal((await reply).status, 200);
  assert.ok(sent.sent);
  assert.match(received, new RegExp(`^host: node.test:${port}\r$`, "mi"));
});

test("nothing is sent if no IP address accepts a connection", async (t) => {
  const dead = await fullListener(t, 0);
  const [host, port] = dead.split(":");
  for (const found of [[host], [host, host]]) {
    const { sent, reply } = request(found, port, 600);
    await assert.rejects(reply, /did not accept a connection within 200 ms/);
    assert.equal(sent.sent, false);
  }
});

/** Listens with a full queue. Returns its address; if a port is given, only its host. */
async function fullListener(t, port) {
  const script = `
    import socket, sys
    l = socket.socket(); l.bind(("127.0.0.3", ${port})); l.listen(0)
    fill = []
    for _ in range(8):
        s = socket.socket(); s.setblocking(False); s.connect_ex(l.getsockname()); fill.append(s)
    print(l.getsockname()[1], flush=True); sys.stdin.read()`;
  const child = spawn("python3", ["-c", script.replace(/^ {4}/gm, "")], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill());
  const [line] = await once(child.stdout, "data");
  return port === 0 ? `127.0.0.3:${String(line).trim()}` : "127.0.0.3";
}

const duplicate = JSON.stringify(grant).replace("{", '{"token":9,');
const escaped = JSON.stringify(grant).replace("{", '{"\\u0074oken":9,');
const nested = `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`;
const wrong = [duplicate, escaped, nested, ...["9007199254740993", "7.0", "7e0", "18446744073709551621", "-1", "9007199254740992"].map((n) => JSON.stringify(grant).replace('"token":7', `"token":${n}`))];

for (const body of wrong) {
  test(`an acquire that is answered ${body.slice(0, 60)}… has an unknown outcome`, async () => {
    const client = new Client({ fetch: async () => new Response(body, { status: 201 }), ...quiet });
    await assert.rejects(client.acquire("x"), OutcomeUnknown);
  });
}

test("the content of meta is not checked, and a value that equals a member's name is not a member", async () => {
  const body = JSON.stringify({ ...grant, meta: 0, previous: { holder: "token", token: 3, end: "token" } })
    .replace('"meta":0', '"meta":{"a":[{"token":1.5,"token":2}],"a":1}');
  const client = new Client({ fetch: async () => new Response(body, { status: 201 }), ...quiet });
  assert.equal((await client.acquire("x", { keep: false })).token, 7);
});

test("a validity is limited by the requested TTL and by the time that the request took", () => {
  let now = 0;
  const cfg = { clock: () => ({ mono: now, boot: 0, wall: 0 }) };
  now = 1_000; // the answer came a second after the request
  const hold = new Hold(cfg, { ...grant, ttl_ms: 86_400_000, expires_in_ms: 86_313_600, waited_ms: 80_000_000 }, { mono: 0, boot: 0, wall: 0 }, 15_000);
  assert.equal(hold.remaining(), 14_700); // 15 s less 2 %, after a wait of a second
  hold.shorten(20_000);
  hold.extend({ ...grant, expires_in_ms: 86_313_600 }, { mono: 1_000, boot: 0, wall: 0 }, 20_000);
  hold.settle(20_000, false);
  assert.equal(hold.remaining(), 19_600);
});

test("a node cannot make a client wait for longer than 30 s, nor for longer than its call lasts", async () => {
  for (const more of [{}, { retry_after_ms: 9e12 }]) {
    const body = JSON.stringify({ type: "/problems/overloaded", definitive: true, ...more });
    const client = new Client({
      fetch: async () => new Response(body, { status: 503, headers: { "retry-after": "9999999" } }), onWarning: () => {}, retryFor: 100,
    });
    await assert.rejects(client.acquire("x"), (e) => e instanceof Unavailable && e.problem.retryAfter === 30_000);
  }
});

test("a wait continues for a full state, and not for an unknown host", async () => {
  const answers = (...list) => new Client({ fetch: async () => {
    const [status, body] = list.length > 1 ? list.shift() : list[0];
    return new Response(JSON.stringify(body), { status });
  }, ...quiet });
  const full = [429, { type: "/problems/state-full", definitive: true }];
  assert.equal((await answers(full, [201, grant]).acquire("x", { wait: 60_000, keep: false })).token, 7);
  const unknown = [421, { type: "/problems/unknown-host", definitive: true }];
  await assert.rejects(answers(unknown).acquire("x", { wait: 60_000 }), (e) => e instanceof Refused && e.problem.type === "unknown-host");
  await assert.rejects(answers(unknown).elect("x", {}, () => {}), Refused);
});

test("a wait ends with one warning if no node is reachable", async () => {
  let up = false;
  const warnings = [];
  const fetch = async () => {
    if (up) return new Response(JSON.stringify({ type: "/problems/held", definitive: true }), { status: 409 });
    throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED", message: "refused" } });
  };
  const client = new Client({ addresses: ["a", "b:1"], fetch, unreachableTimeout: 200, onWarning: (m) => warnings.push(m) });
  await assert.rejects(client.acquire("x", { wait: Infinity }), Unavailable);
  await assert.rejects(client.acquire("x", { wait: Infinity }), Unavailable);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /http:\/\/a:7400, http:\/\/b:1; last error: .*refused/);
  up = true;
  await assert.rejects(client.acquire("x"), Held);
  up = false;
  await assert.rejects(client.get("x"), Unavailable);
  assert.equal(warnings.length, 2);
  const stop = new AbortController();
  const elected = client.elect("x", { signal: stop.signal }, () => {});
  elected.catch(() => {});
  const soon = new Promise((resolve) => setTimeout(resolve, 500, "it continues"));
  assert.equal(await Promise.race([elected.catch((e) => e), soon]), "it continues");
  stop.abort(new Error("enough"));
  await assert.rejects(elected, /enough/);
});

test("a wait is sent in pieces, and an abort leaves the queue", async () => {
  const requests = [];
  const stop = new AbortController();
  const fetch = async (url, init) => {
    requests.push([url.split("/").at(-1), JSON.parse(init.body).wait_ms]);
    if (!url.endsWith("acquire")) return new Response("{}");
    stop.abort(new Error("enough"));
    return new Promise(() => {});
  };
  const client = new Client({ fetch, waitPiece: 2_000 });
  await assert.rejects(client.acquire("x", { wait: 60_000, signal: stop.signal }), /enough/);
  assert.deepEqual(requests.map(([verb]) => verb), ["acquire", "release"]);
  const [[, wait]] = requests;
  assert.ok(wait > 1_000 && wait <= 2_000, `${wait}`); // a piece, less the time that has passed
});

test("many leases with one signal cause no warning of Node", async (t) => {
  const warned = [];
  const listener = (w) => warned.push(w.name);
  process.on("warning", listener);
  t.after(() => process.off("warning", listener));
  const stop = new AbortController();
  let waiting = 0;
  const fetch = async (url, init) => {
    if (url.endsWith("acquire") && ++waiting < 30) await new Promise((resolve) => setTimeout(resolve, 20));
    const name = url.split("/").at(-2);
    return new Response(JSON.stringify({ ...grant, name }), { status: 201 });
  };
  const client = new Client({ fetch });
  const all = Array.from({ length: 30 }, (_, i) => client.using(`n${i}`, { signal: stop.signal }, () => new Promise((resolve) => setTimeout(resolve, 20))));
  await Promise.all(all);
  await new Promise((resolve) => setImmediate(resolve)); // warnings come on the next tick
  assert.deepEqual(warned, []);
});

test("a lease that is not released does not keep the process alive, and work in progress does", async (t) => {
  const address = await node(t, (socket) => socket.write(answer(201, JSON.stringify({ ...grant, ttl_ms: 3000, expires_in_ms: 2997 }))));
  const run = async (script) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (d) => (out += d));
    const [code] = await once(child, "close");
    return { out, code };
  };
  const start = `import { Client } from "@lockd/client"; const client = new Client({ addresses: "${address}" });`;
  const left = await run(`${start} process.on("exit", () => console.log("at the end", lease.lost)); const lease = await client.acquire("x", { ttl: 3000 });`);
  assert.deepEqual(left, { out: "at the end false\n", code: 0 });
  const work = `await client.using("x", { ttl: 3000, keep: false }, (signal) => new Promise((r) => signal.addEventListener("abort", r))).catch((e) => console.log(e.name));`;
  assert.deepEqual(await run(start + work), { out: "LeaseLost\n", code: 0 });
});

test("a certificate must be valid for the host of the address", async () => {
  const pem = new URL("lockd.test.pem", import.meta.url).pathname;
  const child = spawn(process.execPath, [new URL("tls-worker.mjs", import.meta.url).pathname], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: pem }, stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (d) => (out += d));
  await once(child, "close");
  const expected = ["200 true", "200 true", "ERR_TLS_CERT_ALTNAME_INVALID false", "lockd.test lockd.test,lockd.test lockd.test 2", ""];
  assert.deepEqual(out.split("\n"), expected);
});
