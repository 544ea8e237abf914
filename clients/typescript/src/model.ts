// What nodes tell. Durations are milliseconds; members that are not known are ignored.

/** How the last hold of a name ended. */
export interface Previous {
  holder: string;
  token: number;
  end: "released" | "transferred" | "expired" | "broken" | "reclaimed" | (string & {});
}

/** Somebody asked the holder to hand over. */
export interface StepDown {
  by?: string;
  reason?: string;
  to?: string;
  within_ms?: number;
}

/** You hold it. The durations count from when the request was sent. */
export interface Grant {
  name: string;
  holder: string;
  token: number;
  slot: number;
  ttl_ms: number;
  expires_in_ms: number;
  waited_ms: number;
  revision: number;
  meta?: unknown;
  previous?: Previous;
  step_down?: StepDown;
}

/** One hold, as every reader sees it. */
export interface HolderState {
  holder: string;
  token: number;
  slot: number;
  ttl_ms: number;
  held_ms: number;
  free_in_ms?: number;
  meta?: unknown;
}

/** A lease as every reader sees it. It never shows a session. */
export interface State {
  name: string;
  state: "free" | "held" | "delayed" | "breaking" | (string & {});
  revision: number;
  limit: number;
  holder?: string;
  token?: number;
  holders: HolderState[];
  holder_count: number;
  queue: { holder: string; priority: number; waiting_ms: number }[];
  queue_length: number;
  available_in_ms?: number;
  transitions: number;
}

/** One change of one lease. */
export interface Event {
  type: string; // state, synced, acquired, released, expired, broken, transferred, delayed, free, …
  revision: number;
  at?: string; // for people's eyes
  name?: string;
  holder?: string;
  token?: number;
  cause?: string;
  reason?: string;
  by?: string;
  to?: string;
  meta?: unknown;
  lease?: State;
}
