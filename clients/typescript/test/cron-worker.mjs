// One of several processes that share a task that runs every second. It reports each run that it starts, and then works
// for most of the second.

import { Client } from "@lockd/client";
import { LeaseCoordinator } from "@lockd/client/node-cron";
import cron from "node-cron";

const [address, holder] = process.argv.slice(2);
const ttl = 5_000;
const coordinator = new LeaseCoordinator(new Client({ addresses: address, holder }));

async function job(context) {
  const { name, token } = coordinator.lease(context);
  const date = context.date.toISOString();
  process.stdout.write(`${JSON.stringify({ date, token, lease: name, key: `${context.task.name}:${date}`, ttl })}\n`);
  await new Promise((resolve) => setTimeout(resolve, 800));
}

cron.schedule("* * * * * *", job, { name: "work", distributed: true, runCoordinator: coordinator, distributedLease: ttl });
