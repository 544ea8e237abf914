// The token of a client: see "TLS and tokens" in clients/README.md.

import type { Endpoint } from "./address.js";
import { between, type Clock, type Instant } from "./clock.js";
import { readFile } from "./files.js";
import { NotSent } from "./transport.js";

const rereadInterval = 60_000;
const maxToken = 16 << 10; // characters

/** A token, or a function that returns the current one. */
export type Token = string | (() => string | Promise<string>);

/** The token that requests carry, and its source. It is in private fields, so that no inspection shows it. */
export class Tokens {
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  readonly #read: (() => string | Promise<string>) | undefined; // undefined: the token never changes
  #token: string | undefined;
  #readAt: Instant | undefined;
  #reading: Promise<void> | undefined; // concurrent requests share one call of the function
  #failed = false; // the last read failed
  #refused = false; // the last renewal was refused for its token

  constructor(o: { token?: Token; tokenFile?: string }, clock: Clock, warn: (message: string) => void) {
    const { token, tokenFile } = o;
    if (token !== undefined && tokenFile !== undefined) throw new TypeError("token and tokenFile are both given; give only one of them");
    this.#clock = clock;
    this.#warn = warn;
    if (tokenFile !== undefined) {
      const what = `tokenFile ${JSON.stringify(tokenFile)}`;
      this.#read = () => checked(what, readFile("tokenFile", tokenFile).trimEnd());
      this.#token = this.#read() as string;
      this.#readAt = clock();
    } else if (typeof token === "function") {
      this.#read = async () => checked("token", await token());
    } else if (token !== undefined) {
      this.#token = checked("token", token);
    }
  }

  /** Whether requests carry a token. */
  get given(): boolean {
    return this.#token !== undefined || this.#read !== undefined;
  }

  /** Throws TypeError if the token would be sent in plain text over a network. */
  checkAddresses(addresses: readonly Endpoint[], insecure: boolean): void {
    const plain = addresses.find((a) => !a.secure && !a.loopback);
    if (!this.given || insecure || plain === undefined) return;
    throw new TypeError(
      `address ${JSON.stringify(plain.base)}: a token is sent only over https or to this machine; write ` +
      `${plain.base.replace("http:", "https:")}, or set insecure to send it in plain text`,
    );
  }

  /** Returns the token for the next request; undefined: none. The source is read again every minute. */
  current(): string | undefined | Promise<string | undefined> {
    const due = this.#readAt === undefined || between(this.#readAt, this.#clock()) >= rereadInterval;
    return this.#read === undefined || !due ? this.#token : this.#reread().then(() => this.#token);
  }

  /** Reads the source again after the token was refused. Returns whether there is another token than the one that was sent. */
  async changed(sent: string | undefined): Promise<boolean> {
    if (this.#read !== undefined) await this.#reread();
    return this.#token !== sent;
  }

  #reread(): Promise<void> {
    return (this.#reading ??= this.#readNow().finally(() => (this.#reading = undefined)));
  }

  async #readNow(): Promise<void> {
    try {
      this.#token = await this.#read!();
      this.#failed = false;
    } catch (e) {
      const why = (e as Error | null)?.message ?? "the function failed";
      if (this.#token === undefined) throw new NotSent(`there is no token: ${why}`);
      if (!this.#failed) this.#warn(`lockd: ${why}; the last token is still used`);
      this.#failed = true;
    }
    this.#readAt = this.#clock();
  }

  /** Records whether a renewal was refused for its token. Warns at the first time since one succeeded. */
  renewed(error: Error | undefined): void {
    if (error !== undefined && !this.#refused) {
      this.#warn(`lockd: a renewal was refused: ${error.message}; it is repeated until the deadline of the lease`);
    }
    this.#refused = error !== undefined;
  }
}

/** Returns the body of an answer without the token: a proxy may answer with the headers of the request. */
export const masked = (body: string, token: string | undefined): string =>
  token === undefined ? body : body.replaceAll(token, "***");

function checked(what: string, token: unknown): string {
  if (typeof token !== "string" || token.length > maxToken || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new TypeError(`${what}: it must be one token of A-Z a-z 0-9 . _ ~ + / - with = only at its end`);
  }
  return token;
}
