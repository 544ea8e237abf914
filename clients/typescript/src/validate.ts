// Validates the form of answers: a proxy may answer a 200 with something else.

import { maxTTL } from "./config.js";
import type { Broken, ClusterStatus, Event, Grant, History, HolderState, Member, State, StepDownRequested } from "./model.js";

type Json = Record<string, unknown>;

/** The JSON does not have the expected form. The client treats it as a missing answer. */
class Malformed extends Error {}

export function members(raw: unknown): Json {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new Malformed("not an object");
  return raw as Json;
}

const absent = (of: Json, key: string): boolean => of[key] === undefined || of[key] === null;

function requiredList(of: Json, key: string): unknown[] {
  const raw = of[key];
  if (!Array.isArray(raw)) throw new Malformed(`${key} is not a list`);
  return raw;
}

const list = (of: Json, key: string): unknown[] => (absent(of, key) ? [] : requiredList(of, key));

function text(of: Json, key: string): string | undefined {
  const raw = of[key];
  if (absent(of, key)) return undefined;
  if (typeof raw !== "string") throw new Malformed(`${key} is not a string`);
  return raw;
}

function bool(of: Json, key: string): boolean | undefined {
  const raw = of[key];
  if (absent(of, key)) return undefined;
  if (typeof raw !== "boolean") throw new Malformed(`${key} is not a boolean`);
  return raw;
}

function number(of: Json, key: string): number | undefined {
  const raw = of[key];
  if (absent(of, key)) return undefined;
  if (typeof raw !== "number" || !Number.isFinite(raw) || raw < 0) throw new Malformed(`${key} is not a number of at least 0`);
  return raw;
}

function integer(of: Json, key: string): number | undefined {
  const n = number(of, key);
  if (n !== undefined && !Number.isSafeInteger(n)) throw new Malformed(`${key} is not an integer`);
  return n;
}

/** Reads a member that must be present and not "". */
function required<T>(of: Json, key: string, read: (of: Json, key: string) => T | undefined): T {
  const value = read(of, key);
  if (value === undefined || value === "") throw new Malformed(`${key} is missing`);
  return value;
}

export function token(of: Json): number {
  const n = required(of, "token", integer);
  if (n < 1) throw new Malformed("token is less than 1");
  return n;
}

/** Reads a duration from which a deadline is computed. It cannot be longer than the longest TTL. */
function validity(of: Json, key: string): number | undefined {
  const ms = number(of, key);
  if (ms !== undefined && ms > maxTTL) throw new Malformed(`${key} is longer than the longest TTL`);
  return ms;
}

/** Checks an optional step_down. */
function checkStepDown(of: Json): void {
  if (absent(of, "step_down")) return;
  const stepDown = members(of["step_down"]);
  for (const key of ["by", "reason", "to"]) text(stepDown, key);
  number(stepDown, "within_ms");
}

/** Checks an optional previous. */
function checkPrevious(of: Json): void {
  if (absent(of, "previous")) return;
  const previous = members(of["previous"]);
  for (const key of ["holder", "end"]) text(previous, key);
  integer(previous, "token");
}

/** Reads a grant of this lease. If the token of the hold is known, the grant must have it. */
export const grantOf = (name: string, known?: number) => (raw: unknown): Grant => {
  const of = members(raw);
  const ttl_ms = required(of, "ttl_ms", validity);
  if (of["name"] !== name || (known ?? token(of)) !== token(of) || ttl_ms <= 0) throw new Malformed("it belongs to another hold");
  checkPrevious(of);
  checkStepDown(of);
  const { previous: _previous, step_down: _stepDown, ...rest } = of;
  return {
    ...rest, ...present(of, "previous"), ...present(of, "step_down"),
    name, token: token(of), ttl_ms, holder: text(of, "holder") ?? "", slot: integer(of, "slot") ?? 0,
    expires_in_ms: required(of, "expires_in_ms", validity), waited_ms: validity(of, "waited_ms") ?? 0, revision: integer(of, "revision") ?? 0,
  } as Grant;
};

const present = (of: Json, key: string): Json => (absent(of, key) ? {} : { [key]: of[key] });

/** Reads the grants of an acquire of several leases. They must be in the order of the names. */
export const grantsOf = (names: readonly string[]) => (raw: unknown): Grant[] => {
  const { leases: _leases, ...shared } = members(raw);
  const leases = requiredList(members(raw), "leases");
  if (leases.length !== names.length) throw new Malformed(`${names.length} leases were requested, ${leases.length} were granted`);
  return leases.map((lease, i) => {
    const { name, token, slot, previous, step_down } = members(lease);
    return grantOf(names[i]!)({ ...shared, name, token, slot, previous, step_down });
  });
};

/** The answer to a renewal of several holds of a session. */
export interface Renewals {
  leases: Pick<Grant, "name" | "token" | "expires_in_ms" | "step_down">[];
  waited_ms: number;
  revision: number;
}

export function renewalsOf(raw: unknown): Renewals {
  const of = members(raw);
  const leases = requiredList(of, "leases").map((l) => {
    const one = members(l);
    checkStepDown(one);
    const renewed = { name: required(one, "name", text), token: token(one), expires_in_ms: required(one, "expires_in_ms", validity) };
    return { ...renewed, ...present(one, "step_down") };
  });
  return { leases, waited_ms: validity(of, "waited_ms") ?? 0, revision: integer(of, "revision") ?? 0 };
}

function holderOf(raw: unknown): HolderState {
  const of = members(raw);
  text(of, "holder");
  token(of);
  for (const key of ["slot", "ttl_ms", "held_ms", "free_in_ms"]) number(of, key);
  return of as unknown as HolderState;
}

function checkWaiter(raw: unknown): void {
  const of = members(raw);
  text(of, "holder");
  number(of, "waiting_ms");
  if (!absent(of, "priority") && !Number.isSafeInteger(of["priority"])) throw new Malformed("priority is not an integer");
}

export function stateOf(raw: unknown): State {
  const of = members(raw);
  required(of, "name", text);
  for (const key of ["state", "holder"]) text(of, key);
  for (const key of ["revision", "limit", "token", "holder_count", "queue_length", "transitions"]) integer(of, key);
  number(of, "available_in_ms");
  const queue = list(of, "queue");
  queue.forEach(checkWaiter);
  return { ...of, holders: list(of, "holders").map(holderOf), queue } as unknown as State;
}

export const stateOfLease = (name: string) => (raw: unknown): State => {
  const state = stateOf(raw);
  if (state.name !== name) throw new Malformed("it belongs to another lease");
  return state;
};

/** Reads a list of states. It may be absent. */
export const statesOf = (of: Json, key: string): State[] => list(of, key).map(stateOf);

export function pageOf(raw: unknown): { leases: State[]; next: string | undefined } {
  const of = members(raw);
  return { leases: requiredList(of, "leases").map(stateOf), next: text(of, "next") };
}

/** Reads the answer that a token is current. */
export const currentOf = (known: number) => (raw: unknown): true => {
  if (token(members(raw)) !== known) throw new Malformed("it belongs to another hold");
  return true;
};

/** The answer to a release. */
export interface ReleaseAnswer {
  /** Undefined if the answer does not contain it, as the answer to a release by attempt. */
  wasHeld: boolean | undefined;
  /** How the hold had ended before the release. Undefined if the node does not know. */
  ended: string | undefined;
}

export function releasedOf(raw: unknown): ReleaseAnswer {
  const of = members(raw);
  return { wasHeld: bool(of, "was_held"), ended: text(of, "ended") };
}

/** Reads the token of the hold that a transfer made; 0 if that hold ended before a repeat was answered. */
export const transferredOf = (raw: unknown): number => integer(members(raw), "token") ?? 0;

/** Checks that an answer is about this hold, and returns its members. */
function ofHold(raw: unknown, name: string, known: number): Json {
  const of = members(raw);
  if (of["name"] !== name || token(of) !== known) throw new Malformed("it belongs to another hold");
  return of;
}

export const brokenOf = (name: string, known: number) => (raw: unknown): Broken => {
  const of = ofHold(raw, name, known);
  return { name, token: known, available_in_ms: required(of, "available_in_ms", number), revision: integer(of, "revision") ?? 0 };
};

export const stepDownRequestedOf = (name: string, known: number) => (raw: unknown): StepDownRequested => {
  const of = ofHold(raw, name, known);
  checkStepDown(of);
  const step_down = members(of["step_down"] ?? {});
  return { name, token: known, holder: text(of, "holder") ?? "", step_down, revision: integer(of, "revision") ?? 0 };
};

// The types of events that name a lease. Events of unknown types are not checked.
const ofALease = new Set([
  "acquired", "released", "expired", "broken", "transferred", "delayed", "free", "meta", "step_down", "reclaimed",
]);

/** Reads an event. The fields `event` and `id` of a stream take precedence over type and revision. */
export function eventOf(type: string | undefined, id: string | undefined, raw: unknown): Event {
  const of = { ...members(raw) };
  for (const key of ["type", "name", "holder", "cause", "reason", "by", "to"]) text(of, key);
  for (const key of ["revision", "token"]) integer(of, key);
  for (const key of ["within_ms", "held_ms", "vacancy_ms"]) number(of, key);
  const event = { ...of, type: type ?? of["type"] ?? "" } as Event;
  event.revision = event.revision || (integer({ id: Number(/^\d+$/.test(id ?? "") ? id : 0) }, "id") ?? 0);
  if (event.type === "state" || !absent(of, "lease")) event.lease = stateOf(of["lease"]);
  if (ofALease.has(event.type)) required(of, "name", text);
  if (event.lease) {
    event.name ??= event.lease.name;
    if (event.lease.holder !== undefined) event.holder ??= event.lease.holder;
    if (event.lease.token !== undefined) event.token ??= event.lease.token;
  }
  return event;
}

export const historyOf = (name: string) => (raw: unknown): History => {
  const of = members(raw);
  if (of["name"] !== name) throw new Malformed("it belongs to another lease");
  const events = requiredList(of, "events").map((e) => eventOf(undefined, undefined, e));
  return { name, events, revision: integer(of, "revision") ?? 0 };
};

function memberOf(raw: unknown): Member {
  const of = members(raw);
  required(of, "id", text);
  for (const key of ["name", "http", "peer"]) text(of, key);
  for (const key of ["voter", "leader"]) bool(of, key);
  integer(of, "entry_version");
  number(of, "last_contact_ms");
  return of as unknown as Member;
}

export function clusterOf(raw: unknown): ClusterStatus {
  const of = members(raw);
  for (const key of ["cluster_id", "leader"]) text(of, key);
  for (const key of ["term", "revision", "applied_index", "last_log_term", "last_log_index"]) integer(of, key);
  const node = members(of["node"]);
  for (const key of ["id", "name", "http", "peer", "state", "version"]) text(node, key);
  integer(node, "entry_version");
  return { ...of, node, nodes: list(of, "nodes").map(memberOf) } as unknown as ClusterStatus;
}
