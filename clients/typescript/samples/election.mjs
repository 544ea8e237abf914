// One of several workers, of which one is the leader. Start it in three terminals and kill the leader with kill -9:
// another worker becomes the leader. Ctrl-C or SIGTERM ends a leader cleanly, and the next one leads at once.

import { once } from "node:events";
import { Client } from "@lockd/client";

const client = new Client({ addresses: (process.env.LOCKD_ADDR ?? "127.0.0.1:7400").split(",") });
const stop = new AbortController();
for (const s of ["SIGINT", "SIGTERM"]) process.once(s, () => stop.abort());

/**
 * The work of the leader, until its lease is lost or it is stopped. After a loss the worker becomes a candidate again.
 */
async function lead(signal, lease) {
  console.log(`${client.holder} leads with token ${lease.token}`);
  if (!signal.aborted) await once(signal, "abort");
  console.log(`${client.holder} no longer leads`);
}

console.log(`${client.holder} is a candidate`);
// The TTL is the longest time without a leader after a crash.
await client.elect("scheduler", { ttl: 3_000, signal: stop.signal }, lead).catch((e) => {
  if (!stop.signal.aborted) throw e;
});
