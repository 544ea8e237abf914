// Runs a job that must not run twice at the same time. Start it in two terminals: the second one waits until the first
// one has finished.

import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@lockd/client";

const client = new Client({ addresses: (process.env.LOCKD_ADDR ?? "127.0.0.1:7400").split(",") });

/** The job. The signal aborts when the lease is lost. Then the job must stop, since another process may have begun. */
async function report(signal, lease) {
  console.log(`${client.holder} runs with token ${lease.token}`);
  for (let part = 0; part < 4; part++) {
    await sleep(500, undefined, { signal }); // a part of the work
  }
  console.log(`${client.holder} is done`);
}

console.log(`${client.holder} waits for the lease`);
await client.using("nightly-report", { ttl: 10_000, wait: 60_000 }, report);
