// TLS: the authority of the nodes, and a client certificate.

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Client, Unavailable } from "@lockd/client";

const pki = (file) => new URL(`../tls/${file}`, import.meta.url).pathname;
const state = JSON.stringify({ name: "x", state: "free", holders: [], queue: [], queue_length: 0 });

/** Starts a node that closes each connection after its answer. Returns its address and the principals of its requests. */
async function node(t) {
  const requests = [];
  const server = createServer({
    cert: readFileSync(pki("node.crt")), key: readFileSync(pki("node.key")), ca: readFileSync(pki("client-ca.crt")), minVersion: "TLSv1.3",
    requestCert: true, rejectUnauthorized: false,
  }, (q, a) => {
    requests.push(q.socket.authorized ? q.socket.getPeerCertificate().subject.CN : "");
    q.resume().on("end", () => a.setHeader("connection", "close").end(state));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { address: `https://127.0.0.1:${server.address().port}`, requests };
}

function directory(t) {
  const dir = mkdtempSync(join(tmpdir(), "lockd-tls-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return (file) => join(dir, file);
}

test("only a node with a certificate of the authority is trusted", async (t) => {
  const { address, requests } = await node(t);
  const client = (options) => new Client({ addresses: address, token: "secret", retryFor: 0, onWarning: () => {}, ...options });
  assert.equal((await client({ caFile: pki("ca.crt") }).get("x")).name, "x");
  for (const options of [{ caFile: pki("other-ca.crt") }, {}]) {
    await assert.rejects(client(options).acquire("x"), (e) => e instanceof Unavailable && /certificate/.test(e.message));
  }
  assert.deepEqual(requests, [""]);
});

test("a client certificate is presented, and loaded again when it changes", async (t) => {
  const { address, requests } = await node(t);
  const file = directory(t);
  const install = (principal) => ["crt", "key"].forEach((kind) => copyFileSync(pki(`${principal}.${kind}`), file(`client.${kind}`)));
  install("billing");
  const client = new Client({ addresses: address, caFile: pki("ca.crt"), certFile: file("client.crt"), keyFile: file("client.key"), retryFor: 0 });
  await client.get("x");
  install("reports");
  await client.get("x");
  assert.deepEqual(requests, ["billing", "reports"]);
});

test("a broken file keeps the last good one", async (t) => {
  const { address } = await node(t);
  const ca = directory(t)("ca.crt");
  const warnings = [];
  copyFileSync(pki("ca.crt"), ca);
  const client = new Client({ addresses: address, caFile: ca, retryFor: 0, onWarning: (m) => warnings.push(m) });
  writeFileSync(ca, "not a certificate, and longer");
  for (let n = 0; n < 2; n++) await client.get("x");
  assert.deepEqual(warnings, [`lockd: caFile ${JSON.stringify(ca)}: it is not a valid PEM file of certificates; the last files are still used`]);
  copyFileSync(pki("other-ca.crt"), ca);
  await assert.rejects(client.get("x"), /certificate/);
});

test("wrong files are refused when the client is made", () => {
  const addresses = "https://node";
  for (const [options, error] of [
    [{ addresses, caFile: "/none" }, /caFile "\/none": ENOENT/],
    [{ addresses, caFile: pki("billing.key") }, /caFile .*not a valid PEM file/],
    [{ addresses, certFile: pki("billing.crt") }, /certFile and keyFile belong together/],
    [{ addresses, keyFile: pki("billing.key") }, /certFile and keyFile belong together/],
    [{ addresses, certFile: pki("billing.crt"), keyFile: pki("reports.key") }, /key belongs to another certificate/],
    [{ addresses, certFile: pki("billing.key"), keyFile: pki("billing.key") }, /not valid PEM files/],
    [{ addresses: "10.0.0.1", caFile: pki("ca.crt") }, /caFile is given, but no address begins with https/],
    [{ addresses, caFile: pki("ca.crt"), fetch }, /caFile has no effect with fetch/],
  ]) {
    assert.throws(() => new Client(options), (e) => e instanceof TypeError && error.test(e.message) && !e.message.includes("BEGIN"), String(error));
  }
});
