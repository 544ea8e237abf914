// A smoke test of the client for any runtime. Its caller reads the lines that it reports, and stops the node when a
// line asks for it.

import { Client, LeaseLost } from "@lockd/client";

export async function smoke(address, report) {
  const client = new Client({ addresses: address });
  const lease = await client.acquire("smoke", { ttl: 2_000 });
  await lease.renew();
  const seen = [];
  for await (const event of client.watch({ name: "smoke" })) {
    seen.push(event.type);
    if (event.type === "synced") await lease.release();
    if (event.type === "released") break;
  }
  await report(`watched ${seen.join(" ")}`);
  const next = await client.acquire("smoke", { ttl: 2_000 });
  await report(next.token > lease.token ? "the token has grown" : `the token is ${next.token} after ${lease.token}`);
  const lost = new Promise((resolve) => next.signal.addEventListener("abort", resolve));
  const alive = setInterval(() => {}, 60_000); // a lease does not keep the process alive
  await report("silence the node");
  await lost;
  clearInterval(alive);
  await report(next.signal.reason instanceof LeaseLost ? "lost" : String(next.signal.reason));
}
