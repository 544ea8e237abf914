// A malformed answer counts as a missing one: a faulty proxy answers 200 too.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, test } from "node:test";
import { Client, LockdError, OutcomeUnknown, Refused, Unavailable } from "@lockd/client";

const alive = setInterval(() => {}, 60_000); // leases do not keep the process alive
after(() => clearInterval(alive));

const grant = { name: "x", holder: "h", token: 7, slot: 0, ttl_ms: 60000, expires_in_ms: 59940, waited_ms: 0, revision: 7 };
const anything = ["[]", '"x"', "3", "null", "true", "", "<html>", '{"lease":3}', "{}"];
const wrongGrants = [
  ...anything,
  ...[
    { name: "other" }, { name: 3 }, { token: undefined }, { token: 0 }, { token: "7" }, { token: 7.5 }, { token: true },
    { ttl_ms: undefined }, { ttl_ms: 0 }, { ttl_ms: "x" }, { expires_in_ms: undefined }, { expires_in_ms: "x" },
    { expires_in_ms: -1 }, { expires_in_ms: 1e12 }, { waited_ms: [] }, { waited_ms: 1e12 }, { previous: 3 }, { step_down: "x" },
  ].map((wrong) => JSON.stringify({ ...grant, ...wrong })),
  JSON.stringify(grant).replace("59940", "1e999"),
];
const wrongRenewals = [
  ...anything, '{"leases":3}', '{"leases":[3]}', '{"leases":[{"name":"x"}]}',
  ...[[undefined, 0], ["x", 0], [1e12, 0], [900, "x"], [900, 1e12]].map(([expires_in_ms, waited_ms]) =>
    JSON.stringify({ leases: [{ name: "x", token: 7, expires_in_ms }], waited_ms })),
];
const wrongStates = [
  ...anything, '{"name":"other"}', '{"name":"x","holders":3}', '{"name":"x","holders":[3]}', '{"name":"x","token":"x"}',
  '{"name":"x","holders":[{"holder":"h","token":7,"ttl_ms":"x"}]}', '{"name":"x","revision":1e999}', '{"name":"x","queue":[3]}',
];
const wrongPages = [...anything, '{"leases":3}', '{"leases":[{}]}', '{"leases":[],"next":3}'];
const wrongEvents = [
  ...anything.filter((b) => b !== ""), '{"name":3}', '{"name":"x","revision":"x"}', '{"name":"x","revision":1e999}',
  '{"name":"x","token":[]}', '{"name":"x","lease":3}', '{"name":"x","lease":{}}',
];

/** Returns a client of a fake node that answers with what `answer` returns: a body, or status and body. */
function fakeNode(answer, retryFor = 0) {
  const requests = [];
  const fetch = async (url, init) => {
    const path = new URL(url).pathname;
    requests.push(path);
    const response = answer(path, init.body && JSON.parse(init.body));
    const [status, body] = Array.isArray(response) ? response : [200, response];
    return new Response(body, { status });
  };
  return { client: new Client({ addresses: "a:1", retryFor, fetch }), requests };
}

const verbOf = (path) => path.split("/").at(-1);

for (const wrong of wrongGrants) {
  test(`an acquire that is answered ${wrong} has an unknown outcome`, async () => {
    const { client, requests } = fakeNode((path) => (path.endsWith("acquire") ? wrong : "{}"));
    await assert.rejects(client.acquire("x"), OutcomeUnknown);
    assert.deepEqual(requests.map(verbOf), ["acquire", "release"]);
  });
}

for (const wrong of [...wrongGrants, JSON.stringify({ ...grant, token: 8 })]) {
  test(`a renewal that is answered ${wrong} does not change the deadline`, async () => {
    const { client } = fakeNode((path) => (path.endsWith("acquire") ? JSON.stringify(grant) : path.endsWith("renew") ? wrong : "{}"));
    const lease = await client.acquire("x", { ttl: 60_000 });
    const before = lease.remaining();
    await assert.rejects(lease.renew(), OutcomeUnknown);
    assert.ok(lease.remaining() > 0 && lease.remaining() <= before);
    assert.deepEqual([lease.token, lease.signal.aborted], [7, false]);
    await lease.release();
  });
}

test("malformed answers to a renewal of all do not change the deadlines and cause no uncaught error", async (t) => {
  const uncaught = [];
  process.setUncaughtExceptionCaptureCallback((e) => uncaught.push(e));
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  await Promise.all(wrongRenewals.map(async (wrong) => {
    const short = (name) => JSON.stringify({ ...grant, name, ttl_ms: 4_000, expires_in_ms: 3_999 });
    const { client, requests } = fakeNode((path) => (path.endsWith("acquire") ? short(path.split("/")[3]) : wrong));
    const leases = [await client.acquire("x", { ttl: 4_000 }), await client.acquire("y", { ttl: 4_000 })];
    await Promise.all(leases.map((l) => once(l.signal, "abort")));
    for (const l of leases) assert.match(l.signal.reason.message, /the local deadline passed/, wrong);
    assert.ok(requests.includes("/v1/sessions/renew"), wrong);
  }));
  assert.deepEqual(uncaught, []);
});

for (const [what, bodies, ask] of [
  ["get", wrongStates, (c) => c.get("x")],
  ["list", wrongPages, (c) => c.list().next()],
  ["check", [...anything, '{"token":8}', '{"token":"7"}'], (c) => c.check("x", 7)],
]) {
  for (const wrong of bodies) {
    test(`a ${what} that is answered ${wrong} is unavailable`, async () => {
      await assert.rejects(ask(fakeNode(() => wrong).client), Unavailable);
    });
  }
}

for (const wrong of ["[]", '"x"', "", "3"]) {
  test(`a release that is answered ${wrong} is not confirmed`, async () => {
    const { client, requests } = fakeNode((path) => (path.endsWith("acquire") ? JSON.stringify(grant) : wrong));
    const lease = await client.acquire("x");
    await assert.rejects(lease.release(), OutcomeUnknown);
    await assert.rejects(client.acquire("x"), OutcomeUnknown);
    assert.deepEqual(new Set(requests.slice(1).map(verbOf)), new Set(["release"]));
  });
}

for (const wrong of [...anything, '{"type":3}', '{"position":"x"}', '{"errors":3}', '{"errors":[null]}', '{"oldest":[]}', '{"lease":{}}']) {
  test(`a refusal with the body ${wrong} claims nothing`, async () => {
    for (const [status, kind] of [[503, OutcomeUnknown], [409, Refused]]) {
      const { client } = fakeNode((path) => (path.endsWith("acquire") ? [status, wrong] : "{}"));
      await assert.rejects(client.acquire("x"), (e) => {
        assert.ok(e instanceof LockdError && e instanceof kind, String(e));
        const { position, oldest, ticketExpiresIn, lease } = e.problem;
        assert.deepEqual([position, oldest, ticketExpiresIn, lease], [0, 0, 0, undefined]);
        return true;
      });
    }
  });
}

for (const wrong of [...wrongEvents.map((b) => `acquired ${b}`), "state {}", 'state {"lease":3}', 'state {"lease":{}}']) {
  test(`a watch reconnects after the event ${wrong}`, async () => {
    const message = (m) => `id: 7\nevent: ${m.split(" ")[0]}\ndata: ${m.slice(m.indexOf(" ") + 1)}\n\n`;
    let connections = 0;
    const right = 'acquired {"name":"x","revision":7,"token":7}';
    const { client } = fakeNode(() => message(connections++ === 0 ? wrong : right), 60_000);
    for await (const e of client.watch({ name: "x" })) {
      assert.deepEqual([e.type, e.name, e.revision, e.token], ["acquired", "x", 7, 7]);
      break;
    }
    assert.equal(connections, 2);
  });
}

test("an error before the request is not an unknown outcome", async () => {
  const meta = {};
  meta.itself = meta;
  const { client, requests } = fakeNode(() => JSON.stringify(grant));
  await assert.rejects(client.acquire("x", { meta }), TypeError);
  assert.deepEqual(requests, []);
});
