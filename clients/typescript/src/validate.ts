// The form of what nodes tell: a proxy may answer something else with a 200.

import { maxTTL } from "./config.js";
import type { Event, Grant, HolderState, State } from "./model.js";

type Json = Record<string, unknown>;

/** JSON of another form than it must have. It counts as no answer. */
class Malformed extends Error {}

export function members(raw: unknown): Json {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new Malformed("no object");
  return raw as Json;
}

function listed(of: Json, key: string): unknown[] {
  const raw = of[key];
  if (!Array.isArray(raw)) throw new Malformed(`${key} is no list`);
  return raw;
}

const absent = (of: Json, key: string): boolean => of[key] === undefined || of[key] === null;

const list = (of: Json, key: string): unknown[] => (absent(of, key) ? [] : listed(of, key));

function text(of: Json, key: string): string | undefined {
  const raw = of[key];
  if (absent(of, key)) return undefined;
  if (typeof raw !== "string") throw new Malformed(`${key} is no text`);
  return raw;
}

function number(of: Json, key: string): number | undefined {
  const raw = of[key];
  if (absent(of, key)) return undefined;
  if (typeof raw !== "number" || !Number.isFinite(raw) || raw < 0) throw new Malformed(`${key} is no number from 0`);
  return raw;
}

function whole(of: Json, key: string): number | undefined {
  const n = number(of, key);
  if (n !== undefined && !Number.isSafeInteger(n)) throw new Malformed(`${key} is no whole number`);
  return n;
}

/** A member that must be there. */
function needed<T>(of: Json, key: string, read: (of: Json, key: string) => T | undefined): T {
  const value = read(of, key);
  if (value === undefined || value === "") throw new Malformed(`${key} is missing`);
  return value;
}

export function token(of: Json): number {
  const n = needed(of, "token", whole);
  if (n < 1) throw new Malformed("token is none");
  return n;
}

/** A duration of which a deadline is made: none is longer than a TTL may be. */
function promised(of: Json, key: string): number | undefined {
  const ms = number(of, key);
  if (ms !== undefined && ms > maxTTL) throw new Malformed(`${key} is no duration of a lease`);
  return ms;
}

function optional(of: Json, keys: readonly string[]): void {
  for (const key of keys) if (!absent(of, key)) members(of[key]);
}

/** Reads a grant of this lease, and of this hold where its token is known. */
export const grantOf = (name: string, known?: number) => (raw: unknown): Grant => {
  const of = members(raw);
  const ttl_ms = needed(of, "ttl_ms", promised);
  if (of["name"] !== name || (known ?? token(of)) !== token(of) || ttl_ms <= 0) throw new Malformed("it is of another hold");
  optional(of, ["previous", "step_down"]);
  const { previous: _previous, step_down: _stepDown, ...rest } = of;
  return {
    ...rest, ...present(of, "previous"), ...present(of, "step_down"),
    name, token: token(of), ttl_ms, holder: text(of, "holder") ?? "", slot: whole(of, "slot") ?? 0,
    expires_in_ms: needed(of, "expires_in_ms", promised), waited_ms: promised(of, "waited_ms") ?? 0, revision: whole(of, "revision") ?? 0,
  } as Grant;
};

const present = (of: Json, key: string): Json => (absent(of, key) ? {} : { [key]: of[key] });

/** What a session renewed in one call. */
export interface Renewals {
  leases: Pick<Grant, "name" | "token" | "expires_in_ms" | "step_down">[];
  waited_ms: number;
  revision: number;
}

export function renewalsOf(raw: unknown): Renewals {
  const of = members(raw);
  const leases = listed(of, "leases").map((l) => {
    const one = members(l);
    optional(one, ["step_down"]);
    const said = { name: needed(one, "name", text), token: token(one), expires_in_ms: needed(one, "expires_in_ms", promised) };
    return { ...said, ...present(one, "step_down") };
  });
  return { leases, waited_ms: promised(of, "waited_ms") ?? 0, revision: whole(of, "revision") ?? 0 };
}

function holderOf(raw: unknown): HolderState {
  const of = members(raw);
  text(of, "holder");
  token(of);
  for (const key of ["slot", "ttl_ms", "held_ms", "free_in_ms"]) number(of, key);
  return of as unknown as HolderState;
}

export function stateOf(raw: unknown): State {
  const of = members(raw);
  needed(of, "name", text);
  for (const key of ["state", "holder"]) text(of, key);
  for (const key of ["revision", "limit", "token", "holder_count", "queue_length", "transitions"]) whole(of, key);
  number(of, "available_in_ms");
  const queue = list(of, "queue");
  queue.forEach(members);
  return { ...of, holders: list(of, "holders").map(holderOf), queue } as unknown as State;
}

export const stateOfLease = (name: string) => (raw: unknown): State => {
  const state = stateOf(raw);
  if (state.name !== name) throw new Malformed("it is of another lease");
  return state;
};

export function pageOf(raw: unknown): { leases: State[]; next: string | undefined } {
  const of = members(raw);
  return { leases: listed(of, "leases").map(stateOf), next: text(of, "next") };
}

export const currentOf = (known: number) => (raw: unknown): true => {
  if (token(members(raw)) !== known) throw new Malformed("it is of another hold");
  return true;
};

/** What a release came to. */
export interface ReleaseAnswer {
  /** Undefined: the answer does not say, as that to a release by attempt. */
  wasHeld: boolean | undefined;
  /** How the hold had ended before; undefined: the node does not know. */
  ended: string | undefined;
}

export function releasedOf(raw: unknown): ReleaseAnswer {
  const of = members(raw);
  const wasHeld = absent(of, "was_held") ? undefined : of["was_held"];
  if (wasHeld !== undefined && typeof wasHeld !== "boolean") throw new Malformed("was_held is no boolean");
  return { wasHeld, ended: text(of, "ended") };
}

/** The token of the hold that a transfer made; 0 where that had ended before a repeat was answered. */
export const transferredOf = (raw: unknown): number => whole(members(raw), "token") ?? 0;

const ofALease = new Set([
  "acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed",
]);

/** Reads a message of a stream. */
export function eventOf(type: string | undefined, id: string | undefined, raw: unknown): Event {
  const of = { ...members(raw) };
  for (const key of ["type", "name", "holder", "cause", "reason", "by", "to"]) text(of, key);
  for (const key of ["revision", "token"]) whole(of, key);
  const event = { ...of, type: type ?? of["type"] ?? "" } as Event;
  event.revision = event.revision || (whole({ id: Number(/^\d+$/.test(id ?? "") ? id : 0) }, "id") ?? 0);
  if (event.type === "state" || !absent(of, "lease")) event.lease = stateOf(of["lease"]);
  if (ofALease.has(event.type)) needed(of, "name", text);
  if (event.lease) {
    event.name ??= event.lease.name;
    if (event.lease.holder !== undefined) event.holder ??= event.lease.holder;
    if (event.lease.token !== undefined) event.token ??= event.lease.token;
  }
  return event;
}
