// The operations for operators: break and step-down.

import type { Config } from "./config.js";
import type { Broken, StepDownRequested } from "./model.js";
import { leasePath, post } from "./retry.js";
import { brokenOf, stepDownRequestedOf } from "./validate.js";

/** The options of a break. */
export interface BreakOptions {
  /** The token of the hold: a repeat never ends a later hold. */
  token: number;
  /** 1 to 500 printable characters. It is stored in the history. */
  reason: string;
  /**
   * Milliseconds until the lease is free. By default the hold ends when its holder's last deadline has passed; 0: at
   * once.
   */
  grace?: number;
}

/** The options of a step-down request. */
export interface StepDownOptions {
  /** The token of the hold: a repeat never reaches a later hold. */
  token: number;
  /** The holder label that should get the lease. By default the holder chooses. */
  to?: string;
  /** How many milliseconds the holder has for it, up to 24 h. By default there is no time limit. */
  within?: number;
}

/** Checks the token of the hold that a request is about. Throws TypeError. */
function checkToken(token: unknown): void {
  if (!Number.isSafeInteger(token) || (token as number) < 1) throw new TypeError(`the token must be an integer from 1, not ${String(token)}`);
}

/** Ends a hold of another session. */
export async function breakHold(cfg: Config, name: string, o: BreakOptions): Promise<Broken> {
  checkToken(o.token);
  const body = { token: o.token, reason: o.reason, grace_ms: o.grace };
  return (await post(cfg, leasePath(name, "break"), body, brokenOf(name, o.token))).value;
}

/** Asks a holder to hand the lease over. */
export async function stepDown(cfg: Config, name: string, o: StepDownOptions): Promise<StepDownRequested> {
  checkToken(o.token);
  const body = { token: o.token, to: o.to, within_ms: o.within };
  return (await post(cfg, leasePath(name, "step-down"), body, stepDownRequestedOf(name, o.token))).value;
}
