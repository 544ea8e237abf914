// A fake node. It has leases, queues and withdrawn attempts like a real one, but no time.

import { Client } from "@lockd/client";

const problem = (type, lease, more = {}) => [409, { type: `/problems/${type}`, definitive: true, lease, ...more }];

/**
 * The state of a node. `client()` returns a client of it. `requests` has the requests. If `deny` returns a status and
 * the type of a problem for a request, the node answers with it.
 */
export class FakeNode {
  requests = [];
  deny = () => undefined;
  refusals = new Map(); // by name, the type of the problem with which the node answers an acquire
  #leases = new Map();
  #withdrawn = new Set();
  #token = 0;

  client(options = {}) {
    return new Client({ addresses: "a:1", retryFor: 0, fetch: (url, init) => this.#serve(new URL(url), init), ...options });
  }

  /** Returns the number of waiters of a name. */
  queueLength(name) {
    return this.#lease(name).queue.length;
  }

  /** Ends the holds of a name, as an operator's break does. */
  break(name) {
    const lease = this.#lease(name);
    lease.holders = [];
    this.#grant(lease);
  }

  async #serve(url, init) {
    const [, , kind, name, verb] = url.pathname.split("/").map(decodeURIComponent);
    const body = init.body === undefined ? undefined : JSON.parse(init.body);
    const together = kind === "sessions"; // the renewal of all leases of a session
    const request = { verb: together ? name : (verb ?? kind), name: together ? undefined : name, ...body };
    this.requests.push({ ...request, authorization: init.headers.authorization });
    const denied = this.deny(this.requests.at(-1));
    if (denied !== undefined) {
      return new Response(JSON.stringify({ type: `/problems/${denied[1]}`, definitive: true }), { status: denied[0] });
    }
    await new Promise(setImmediate); // as on a network
    init.signal.throwIfAborted();
    const [status, answer] = together ? this.#renewAll(body) : await this.#answer(name, verb, body, init.signal);
    return new Response(JSON.stringify(answer), { status });
  }

  #answer(name, verb, body, signal) {
    if (name === undefined) return [200, { leases: [...this.#leases.values()].map(stateOf) }];
    const lease = this.#lease(name);
    if (verb === undefined) return [200, stateOf(lease)];
    if (verb === "acquire") return this.#acquire(lease, body, signal);
    const at = lease.holders.findIndex((h) => h.session === body.session && (body.token ?? h.token) === h.token);
    if (verb === "renew") return at < 0 ? problem("not-holder", stateOf(lease), { lost: true }) : [200, grantOf(lease, lease.holders[at])];
    if (body.attempt !== undefined) return this.#withdraw(lease, body);
    if (at >= 0) lease.holders.splice(at, 1);
    this.#grant(lease);
    return [200, { name, was_held: at >= 0 }];
  }

  #renewAll({ session, leases }) {
    const holders = leases.map(({ name, token }) => [this.#lease(name), this.#lease(name).holders.find((h) => h.session === session && h.token === token)]);
    return [200, { leases: holders.filter(([, hold]) => hold !== undefined).map(([lease, hold]) => grantOf(lease, hold)) }];
  }

  #acquire(lease, body, signal) {
    const refusal = this.refusals.get(lease.name);
    if (refusal !== undefined) return problem(refusal, stateOf(lease));
    if (this.#withdrawn.has(body.attempt)) return problem("withdrawn", stateOf(lease));
    const mine = lease.holders.find((h) => h.session === body.session);
    if (mine !== undefined) return [200, grantOf(lease, mine)];
    if (lease.holders.length === 0) lease.limit = body.limit ?? 1;
    const waiter = { ...body, since: performance.now() };
    if (!body.wait_ms) {
      if (lease.queue.length > 0 || lease.holders.length >= lease.limit) return problem("held", stateOf(lease));
      return [201, grantOf(lease, this.#hold(lease, waiter))];
    }
    return new Promise((resolve) => {
      lease.queue.push(Object.assign(waiter, { resolve }));
      signal.addEventListener("abort", () => (lease.queue = lease.queue.filter((w) => w !== waiter)));
      this.#grant(lease);
    });
  }

  #withdraw(lease, { session, attempt }) {
    this.#withdrawn.add(attempt);
    lease.queue = lease.queue.filter((w) => w.attempt !== attempt);
    lease.holders = lease.holders.filter((h) => h.session !== session || h.attempt !== attempt);
    this.#grant(lease);
    return [200, { name: lease.name, was_held: false }];
  }

  #grant(lease) {
    while (lease.queue.length > 0 && lease.holders.length < lease.limit) {
      const waiter = lease.queue.shift();
      waiter.resolve([201, grantOf(lease, this.#hold(lease, waiter))]);
    }
  }

  #hold(lease, { session, holder, attempt, ttl_ms }) {
    const slots = lease.holders.map((h) => h.slot);
    let slot = 0;
    while (slots.includes(slot)) slot++;
    const hold = { session, holder, attempt, ttl_ms, slot, token: ++this.#token };
    lease.holders.push(hold);
    return hold;
  }

  #lease(name) {
    const lease = this.#leases.get(name) ?? { name, limit: 1, holders: [], queue: [] };
    this.#leases.set(name, lease);
    return lease;
  }
}

const grantOf = ({ name }, { holder, token, slot, ttl_ms }) => ({ name, holder, token, slot, ttl_ms, expires_in_ms: ttl_ms });

const stateOf = ({ name, holders, queue }) => ({
  name, holders: holders.map(({ holder, token, slot, ttl_ms }) => ({ holder, token, slot, ttl_ms, held_ms: 0 })),
  queue: queue.map(({ holder, since }) => ({ holder, priority: 0, waiting_ms: performance.now() - since })), queue_length: queue.length,
});
