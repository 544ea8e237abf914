// One of several workers of which one leads. Start it in three terminals and kill the
// one that leads, with kill -9: another takes over. Ctrl-C or SIGTERM resigns, and
// the next one leads at once.

import { once } from "node:events";
import { Client } from "@lockd/client";

const client = new Client({ addresses: (process.env.LOCKD_ADDR ?? "127.0.0.1:7400").split(",") });
const stop = new AbortController();
for (const s of ["SIGINT", "SIGTERM"]) process.once(s, () => stop.abort());

/** What the leader does, until its lease is lost or it is stopped. After a loss it is a candidate again. */
async function lead(signal, lease) {
  console.log(`${client.holder} leads with token ${lease.token}`);
  if (!signal.aborted) await once(signal, "abort");
  console.log(`${client.holder} leads no more`);
}

console.log(`${client.holder} is a candidate`);
// A leader that dies is missed for no longer than the TTL.
await client.elect("scheduler", { ttl: 3_000, signal: stop.signal }, lead).catch((e) => {
  if (!stop.signal.aborted) throw e;
});
