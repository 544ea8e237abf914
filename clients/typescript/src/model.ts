// The types of a node's answers. Durations are milliseconds. Unknown members are ignored.

/** How the last hold of a name ended. */
export interface Previous {
  holder: string;
  token: number;
  end: "released" | "transferred" | "expired" | "broken" | "reclaimed" | (string & {});
}

/** An operator's request that the holder hands the lease over. */
export interface StepDown {
  by?: string;
  reason?: string;
  /** The holder label that should get the lease. If absent, the holder chooses. */
  to?: string;
  /** How much time is left for it. If absent, there is no time limit. */
  within_ms?: number;
}

/** The answer to a granted acquire or renewal. The durations count from the time at which the request was sent. */
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

/** A lease as every reader sees it. It never contains a session. */
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
  at?: string; // for people; the client does not use it
  name?: string;
  holder?: string;
  token?: number;
  cause?: string;
  reason?: string;
  by?: string;
  to?: string;
  within_ms?: number;
  held_ms?: number;
  vacancy_ms?: number;
  meta?: unknown;
  lease?: State;
}

/** The newest events of one name, newest first. */
export interface History {
  name: string;
  events: Event[];
  revision: number;
}

/** The answer to a break: the node refuses renewals of the hold from now on. */
export interface Broken {
  name: string;
  token: number;
  /** When the hold ends at the latest. */
  available_in_ms: number;
  revision: number;
}

/** The answer to a step-down request. The holder learns of the request at its next renewal. */
export interface StepDownRequested {
  name: string;
  holder: string;
  token: number;
  step_down: StepDown;
  revision: number;
}

/** One member of the cluster. */
export interface Member {
  id: string;
  name: string;
  http: string;
  peer: string;
  voter: boolean;
  leader: boolean;
  entry_version: number;
  /** Time since the last contact with the member. Absent if the node that answered does not know it. */
  last_contact_ms?: number;
}

/** The cluster as one node sees it. */
export interface ClusterStatus {
  cluster_id: string;
  /** The node that answered. */
  node: {
    id: string;
    name: string;
    http: string;
    peer: string;
    state: "leader" | "follower" | "candidate" | "fresh" | (string & {});
    version: string;
    entry_version: number;
  };
  /** The leader's name; "" if the node that answered knows no leader. */
  leader: string;
  term: number;
  revision: number;
  applied_index: number;
  last_log_term: number;
  last_log_index: number;
  nodes: Member[];
}
