// The addresses that all clients read in the same way, and the requests to them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { Client, OutcomeUnknown, Unavailable } from "@lockd/client";

const cases = JSON.parse(await readFile(new URL("../addresses.json", import.meta.url), "utf8"));
assert.ok(cases.length > 0);

/** Returns the URL of a request to an address, without the path of a lease. */
async function requestTo(address) {
  let request;
  const fetch = async (url) => {
    request = url.slice(0, -"/v1/leases/x".length);
    throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED", message: "refused" } });
  };
  const client = new Client({ addresses: address, fetch, onWarning: () => {} });
  await assert.rejects(client.get("x"), Unavailable);
  return request;
}

for (const { address, base, refused, secret } of cases) {
  test(`the address ${JSON.stringify(address)}`, async () => {
    if (refused === undefined) {
      assert.equal(await requestTo(address), base);
      assert.equal(await requestTo(base), base);
      return;
    }
    assert.throws(() => new Client({ addresses: address }), (e) => {
      assert.ok(e instanceof TypeError && e.message.toLowerCase().includes(refused), e.message);
      assert.ok(secret === undefined || !e.message.includes(secret), e.message);
      return true;
    });
  });
}

test("an empty list of addresses is refused", () => {
  assert.throws(() => new Client({ addresses: [] }), /empty/);
  assert.throws(() => new Client({ addresses: [undefined] }), /string/);
});

test("headers are checked, and no error contains a value", () => {
  const wrong = [
    { "x y": "hunter22" }, { "": "hunter22" }, { x: "hunter22\r\ny: z" }, { x: "hünter22" }, { Host: "hunter22" },
    { "content-length": "hunter22" }, { Accept: "hunter22" }, { a: "hunter22", A: "hunter22" }, { x: 22 },
  ];
  for (const headers of wrong) {
    assert.throws(() => new Client({ headers }), (e) => e instanceof TypeError && !/hunter22/.test(e.message), JSON.stringify(headers));
  }
});

test("calls and watches send base path and headers, and / in a name as %2F", async (t) => {
  const requests = [];
  const server = createServer((q, a) => {
    requests.push([q.url, q.headers.authorization, q.headers["x-tenant"], q.headers.host]);
    if (q.url.endsWith("/release")) a.end("{}");
    else a.destroy();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const { port } = server.address();
  const warnings = [];
  const client = new Client({
    addresses: `127.0.0.1:${port}/the/locks/`, headers: { "X-Tenant": "blue", Authorization: "Basic dXM6aHVudGVyMjI=" }, retryFor: 0,
    onWarning: (m) => warnings.push(m),
  });
  await assert.rejects(client.acquire("jobs/a", { keep: false }), (e) => e instanceof OutcomeUnknown && !/hunter22/.test(e.message));
  await assert.rejects(client.watch({ name: "jobs/a" }).next(), Unavailable);
  const rest = ["Basic dXM6aHVudGVyMjI=", "blue", `127.0.0.1:${port}`];
  const paths = ["leases/jobs%2Fa/acquire", "leases/jobs%2Fa/release", "watch?name=jobs%2Fa"];
  assert.deepEqual(requests, paths.map((path) => [`/the/locks/v1/${path}`, ...rest]));
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0].includes(`http://127.0.0.1:${port}/the/locks`) && !/hunter22/.test(warnings[0]), warnings[0]);
});
