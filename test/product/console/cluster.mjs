// Nodes of lockd as processes, and the requests of a test to them.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const binary = process.env.LOCKD_BINARY;
assert.ok(binary, "LOCKD_BINARY must be the path of lockd: use make console-test");

// patience is how long a test waits for a condition that must become true.
export const patience = 30_000;

export async function eventually(what, condition) {
  for (const end = Date.now() + patience; ; await sleep(20)) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `timed out waiting until ${what}`);
  }
}

// reserve returns free ports. They stay reserved until release is called.
async function reserve(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((ready) => {
    const s = createServer().listen(0, "127.0.0.1", () => ready(s));
  })));
  return { ports: servers.map((s) => s.address().port), release: () => Promise.all(servers.map((s) => new Promise((done) => s.close(done)))) };
}

export class Cluster {
  // start starts nodes and waits until each is ready.
  static async start(count, flags = []) {
    const c = new Cluster();
    c.dir = mkdtempSync(join(tmpdir(), "lockd-console-"));
    const { ports, release } = await reserve(2 * count);
    const peers = ports.slice(count).map((p) => `127.0.0.1:${p}`);
    c.nodes = ports.slice(0, count).map((port, i) => ({
      name: `lock-${i + 1}`, url: `http://127.0.0.1:${port}`, dir: join(c.dir, `n${i + 1}`),
      args: ["server", "--node-id", `lock-${i + 1}`, "--data-dir", join(c.dir, `n${i + 1}`), "--http-addr", `127.0.0.1:${port}`, "--peer-addr", peers[i],
        ...(count > 1 ? ["--bootstrap-expect", String(count), "--join", peers.join(",")] : []), ...flags],
    }));
    await release();
    c.nodes.forEach((n) => c.run(n));
    for (const n of c.nodes) await eventually(`${n.name} is ready`, async () => (await c.raw("GET", "/readyz", undefined, n).catch(() => ({}))).status === 200);
    return c;
  }

  run(node) {
    const log = openSync(`${node.dir}.log`, "a");
    node.process = spawn(binary, node.args, { stdio: ["ignore", log, log] });
  }

  async kill(node) {
    const ended = new Promise((done) => node.process.once("exit", done));
    node.process.kill("SIGKILL");
    await ended;
  }

  async stop() {
    await Promise.all(this.nodes.map(async (n) => {
      if (n.process.exitCode !== null || n.process.signalCode !== null) return;
      const ended = new Promise((done) => n.process.once("exit", done));
      n.process.kill("SIGKILL");
      await ended;
    }));
    rmSync(this.dir, { recursive: true, force: true });
  }

  async raw(method, path, body, node = this.nodes[0]) {
    const response = await fetch(node.url + path, {
      method, body: body && JSON.stringify(body), headers: this.token ? { Authorization: `Bearer ${this.token}` } : {},
    });
    return { status: response.status, data: response.headers.get("Content-Type")?.includes("json") ? await response.json() : await response.text() };
  }

  async get(path) {
    const { status, data } = await this.raw("GET", path);
    assert.equal(status, 200, JSON.stringify(data));
    return data;
  }

  async acquire(name, holder, more = {}) {
    const { status, data } = await this.raw("POST", `/v1/leases/${encodeURIComponent(name)}/acquire`, { holder, session: session(name, holder), ttl_ms: 600_000, ...more });
    assert.ok(status === 200 || status === 201, JSON.stringify(data));
    return data;
  }

  // wait puts a waiter into the queue of a lease, and returns when it is there. granted has its answer.
  async wait(name, holder) {
    const granted = this.raw("POST", `/v1/leases/${name}/acquire`, { holder, session: session(name, holder), ttl_ms: 600_000, wait_ms: 60_000 });
    granted.catch(() => {}); // the cluster may stop before
    await eventually(`${holder} waits`, async () => (await this.get(`/v1/leases/${name}`)).queue.some((w) => w.holder === holder));
    return { granted };
  }

  async leader() {
    return eventually("there is a leader", async () => {
      for (const n of this.nodes) {
        const { data } = await this.raw("GET", "/v1/cluster", undefined, n).catch(() => ({}));
        if (data?.leader) return this.nodes.find((m) => m.name === data.leader);
      }
      return null;
    });
  }

  // cli runs a command of lockd at the admin socket of the first node.
  cli(...args) {
    return execFileSync(binary, [...args, "--data-dir", this.nodes[0].dir], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  }
}

const session = (name, holder) => `${name}-${holder}-session`.replace(/[^A-Za-z0-9._-]/g, "_").padEnd(16, "0").slice(0, 128);
