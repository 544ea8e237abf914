// Does what it is told through the TypeScript client: see clients/conformance/README.md.

import { createInterface } from "node:readline";
import {
  Client, Held, LeaseLost, OutcomeUnknown, Refused, Released, Unavailable,
} from "@lockd/client";

const clients = new Map();
const leases = new Map();
const waiting = new Map(); // of each acquire in progress: how to cancel it

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

class Cancelled extends Error {}

const kinds = [
  [Cancelled, "cancelled"],
  [LeaseLost, "lost"], [Released, "released"], [OutcomeUnknown, "unknown"], [Unavailable, "unavailable"],
  [Held, "held"], [Refused, "refused"], [RangeError, "invalid"], [TypeError, "invalid"],
];

const verbs = {
  client: (c) => {
    const options = { addresses: c.addresses, holder: c.holder, session: c.session, requestTimeout: c.request_timeout_ms };
    clients.set(c.client, new Client(JSON.parse(JSON.stringify(options))));
  },
  acquire: async (c) => {
    const cancel = new AbortController();
    waiting.set(c.lease, cancel);
    const lease = await clients.get(c.client).acquire(c.name, {
      ttl: c.ttl_ms, wait: c.wait_ms ?? 0, limit: c.limit || undefined, priority: c.priority, meta: c.meta,
      keep: c.keep ?? false, reclaim: c.reclaim ?? false, signal: cancel.signal,
    });
    leases.set(c.lease, lease);
    lease.signal.addEventListener("abort", () => {
      if (lease.signal.reason instanceof LeaseLost) say({ event: "lost", lease: c.lease });
    });
    return { token: lease.token, slot: lease.slot };
  },
  cancel: (c) => waiting.get(c.lease)?.abort(new Cancelled("cancelled by the scenario")),
  renew: (c) => leases.get(c.lease).renew(),
  release: (c) => leases.get(c.lease).release(),
  transfer: async (c) => void (await leases.get(c.lease).transfer(c.to)),
  watch: (c) => {
    void (async () => {
      for await (const e of clients.get(c.client).watch({ name: c.name })) {
        say({ event: "watched", client: c.client, type: e.type, name: e.name, token: e.token });
      }
    })();
  },
  elect: (c) => {
    void clients.get(c.client).elect(c.name, { ttl: c.ttl_ms }, (signal, lease) => {
      say({ event: "leads", client: c.client, token: lease.token });
      return new Promise((resolve) => signal.addEventListener("abort", () => {
        say({ event: "resigned", client: c.client });
        resolve();
      }));
    });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  Promise.resolve()
    .then(() => verbs[c.do](c))
    .then((told) => say({ id: c.id, result: "ok", ...told }))
    .catch((e) => {
      const kind = kinds.find(([type]) => e instanceof type);
      say({ id: c.id, result: kind ? kind[1] : "failed", detail: `${e.name}: ${e.message}` });
    });
}
process.exit(0);
