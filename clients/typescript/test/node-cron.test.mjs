// The coordinator with the real node-cron and a real node.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Client, LeaseLost, OutcomeUnknown, Released, Unavailable } from "@lockd/client";
import { LeaseCoordinator } from "@lockd/client/node-cron";
import cron from "node-cron";
import { startServer } from "./server.mjs";

const everySecond = "* * * * * *";
const tick = "2026-01-01T03:00:00.000Z";

// The node may end before node-cron reports the last run to it. node-cron would log that.
const logger = { info() {}, warn() {}, error() {}, debug() {} };

/** Schedules a task that is destroyed with the test. */
function schedule(t, coordinator, job, options = {}) {
  const task = cron.schedule(everySecond, job, { name: "nightly report", distributed: true, runCoordinator: coordinator, logger, ...options });
  t.after(() => task.destroy());
  return task;
}

test("one of two schedulers runs each tick, under a lease", async (t) => {
  const { address } = await startServer(t);
  const ticks = new Map(); // by tick, what the schedulers did
  let enough;
  const done = new Promise((resolve) => (enough = resolve));
  const note = (date, what) => {
    const key = date.toISOString();
    ticks.set(key, [...(ticks.get(key) ?? []), what].sort());
    if ([...ticks.values()].filter((did) => did.length === 2).length >= 3) enough();
  };
  for (const holder of ["one", "two"]) {
    const coordinator = new LeaseCoordinator(new Client({ addresses: address, holder }));
    const job = (context) => note(context.date, coordinator.lease(context)?.token > 0 ? "ran" : "ran without a lease");
    schedule(t, coordinator, job, { timezone: "America/Sao_Paulo" }).on("execution:skipped", (c) => note(c.date, c.reason));
  }
  await done;
  for (const did of ticks.values()) {
    if (did.length === 2) assert.deepEqual(did, ["not-elected", "ran"]);
  }
});

test("the signal of a task aborts when its lease is lost", async (t) => {
  const { address } = await startServer(t);
  const coordinator = new LeaseCoordinator(new Client({ addresses: address }));
  const lease = await new Promise((resolve) => {
    const job = async (context) => {
      const mine = coordinator.lease(context);
      resolve(mine);
      await once(mine.signal, "abort");
    };
    schedule(t, coordinator, job, { distributedLease: 3_000, noOverlap: true, maxExecutions: 1 });
  });
  const body = JSON.stringify({ token: lease.token, reason: "a test", grace_ms: 0 });
  const answer = await fetch(`${address}/v1/leases/${lease.name}/break`, { method: "POST", body });
  assert.equal(answer.status, 202);
  if (!lease.signal.aborted) await once(lease.signal, "abort");
  assert.ok(lease.signal.reason instanceof LeaseLost);
});

test("the tick of a short task stays closed, and the next tick is open", async (t) => {
  const { address } = await startServer(t);
  const one = new LeaseCoordinator(new Client({ addresses: address }));
  const late = new LeaseCoordinator(new Client({ addresses: address }));
  const key = `nightly report:${tick}`;
  assert.equal(await one.shouldRun(key, 30_000), true);
  assert.equal(await late.shouldRun(key, 30_000), false);
  await one.onComplete(key);
  assert.equal(await late.shouldRun(key, 30_000), false);
  const next = key.replace("03:00", "04:00");
  assert.equal(await late.shouldRun(next, 30_000), true);
  await late.onComplete(next);
});

test("a run whose end is not reported keeps its lease for the longest run at most", async (t) => {
  const { address } = await startServer(t);
  const client = new Client({ addresses: address });
  const coordinator = new LeaseCoordinator(client, { longestRun: 6_000 });
  const key = `nightly report:${tick}`;
  assert.equal(await coordinator.shouldRun(key, 5_000), true);
  const context = { task: { name: "nightly report" }, date: new Date(tick) };
  const lease = coordinator.lease(context);
  await once(lease.signal, "abort"); // past its TTL: it was renewed
  assert.ok(lease.signal.reason instanceof Released);
  assert.equal(coordinator.lease(context), undefined);
  await coordinator.onComplete(key); // too late: it does nothing
  while ((await client.get(lease.name)).state !== "free");
});

/** Runs a worker in its own process until the test ends. Calls `began` for each run that it starts. */
function startWorker(t, address, name, began) {
  const worker = spawn(process.execPath, ["test/cron-worker.mjs", address, name], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(worker, "close");
  t.after(async () => {
    worker.kill("SIGKILL");
    await ended;
  });
  createInterface({ input: worker.stdout }).on("line", (line) => began({ worker, ...JSON.parse(line) }));
  return worker;
}

test("the tick of a killed worker stays closed until its lease ends, and other workers run the next ticks once each", async (t) => {
  const { address } = await startServer(t);
  const runs = [];
  const runEvents = new EventEmitter();
  const began = (run) => {
    if (runs.length === 0) run.worker.kill("SIGKILL");
    runs.push(run);
    runEvents.emit("run");
  };
  const workers = [startWorker(t, address, "one", began), startWorker(t, address, "two", began)];
  while (runs.length < 4) await once(runEvents, "run");
  const [killed, ...later] = runs;
  assert.equal(new Set(runs.map((r) => r.date)).size, runs.length, "no tick is run twice");
  assert.ok(later.every((r) => r.worker !== killed.worker && r.token > killed.token));
  for (const w of workers) w.kill("SIGKILL");

  const coordinator = new LeaseCoordinator(new Client({ addresses: address }));
  while (!(await coordinator.shouldRun(killed.key, killed.ttl)));
  const { events } = await (await fetch(`${address}/v1/leases/${killed.lease}/history`)).json();
  const [again, end] = events;
  assert.deepEqual([again.type, end.type, end.token], ["acquired", "expired", killed.token]);
  assert.ok(end.held_ms >= killed.ttl, `it ended after ${end.held_ms} ms`);
  await coordinator.onComplete(killed.key);
});

test("tasks of different names have different leases", async (t) => {
  const { address } = await startServer(t);
  const client = new Client({ addresses: address });
  const coordinator = new LeaseCoordinator(client, { prefix: "jobs." });
  const names = ["a b", "a:b", "a:20:b", "a_b"];
  for (const name of names) assert.equal(await coordinator.shouldRun(`${name}:${tick}`, 30_000), true, name);
  const held = [];
  for await (const state of client.list({ prefix: "jobs." })) held.push(state.name);
  const named = (name) => `jobs.${name}:${tick}`;
  assert.deepEqual(held.sort(), [named("a:20:b"), named("a:3a:20:3a:b"), named("a:3a:b"), named("a_b")].sort());
  for (const name of names) await coordinator.onComplete(`${name}:${tick}`);
});

test("no scheduler runs the task if no node answers, and a manual run needs no node", async (t) => {
  const client = new Client({ addresses: "127.0.0.1:1", retryFor: -1 });
  const coordinator = new LeaseCoordinator(client);
  await assert.rejects(coordinator.shouldRun(`x:${tick}`, 30_000), (e) => e instanceof Unavailable || e instanceof OutcomeUnknown);
  let lease = "none yet";
  const job = (context) => void (lease = coordinator.lease(context));
  const task = cron.createTask(everySecond, job, { name: "x", distributed: true, runCoordinator: coordinator });
  t.after(() => task.destroy());
  await task.execute();
  assert.equal(lease, undefined);
});
