// Runs the commands of a conformance scenario with the TypeScript client: see clients/conformance/README.md.

import { createInterface } from "node:readline";
import {
  Client, Held, LeaseLost, OutcomeUnknown, Refused, Released, Unavailable,
} from "@lockd/client";

const clients = new Map();
const leases = new Map();
const waiting = new Map(); // the AbortController of each acquire in progress

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

class Cancelled extends Error {}

const kinds = [
  [Cancelled, "cancelled"],
  [LeaseLost, "lost"], [Released, "released"], [OutcomeUnknown, "unknown"], [Unavailable, "unavailable"],
  [Held, "held"], [Refused, "refused"], [RangeError, "invalid"], [TypeError, "invalid"],
];

const verbs = {
  client: (c) => {
    const options = {
      addresses: c.addresses, holder: c.holder, session: c.session, requestTimeout: c.request_timeout_ms,
      tokenFile: c.token_file, caFile: c.ca_file, certFile: c.cert_file, keyFile: c.key_file,
    };
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
      if (lease.signal.reason instanceof LeaseLost) write({ event: "lost", lease: c.lease });
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
        write({ event: "watched", client: c.client, type: e.type, name: e.name, token: e.token });
      }
    })();
  },
  elect: (c) => {
    void clients.get(c.client).elect(c.name, { ttl: c.ttl_ms }, (signal, lease) => {
      write({ event: "leads", client: c.client, token: lease.token });
      return new Promise((resolve) => signal.addEventListener("abort", () => {
        write({ event: "resigned", client: c.client });
        resolve();
      }));
    });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  Promise.resolve()
    .then(() => verbs[c.do](c))
    .then((result) => write({ id: c.id, result: "ok", ...result }))
    .catch((e) => {
      const kind = kinds.find(([type]) => e instanceof type);
      write({ id: c.id, result: kind ? kind[1] : "failed", detail: `${e.name}: ${e.message}` });
    });
}
process.exit(0);
