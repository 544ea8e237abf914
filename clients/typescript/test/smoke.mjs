// What the client does, once through, on any runtime. Who runs it reads what it says,
// a line each, and silences the node where it is asked to.

import { Client, LeaseLost } from "@lockd/client";

export async function smoke(address, say) {
  const client = new Client({ addresses: address });
  const lease = await client.acquire("smoke", { ttl: 2_000 });
  await lease.renew();
  const seen = [];
  for await (const event of client.watch({ name: "smoke" })) {
    seen.push(event.type);
    if (event.type === "synced") await lease.release();
    if (event.type === "released") break;
  }
  await say(`watched ${seen.join(" ")}`);
  const next = await client.acquire("smoke", { ttl: 2_000 });
  await say(next.token > lease.token ? "the token has grown" : `the token is ${next.token} after ${lease.token}`);
  const lost = new Promise((resolve) => next.signal.addEventListener("abort", resolve));
  const alive = setInterval(() => {}, 60_000); // a lease does not keep the process
  await say("silence the node");
  await lost;
  clearInterval(alive);
  await say(next.signal.reason instanceof LeaseLost ? "lost" : String(next.signal.reason));
}
