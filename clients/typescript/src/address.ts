// The addresses of nodes, and of proxies in front of them: see "Addresses" in clients/README.md.

const defaultPort = 7400;
const maxHost = 253; // characters of a DNS name

const wrongPort = "the port must be a number from 1 to 65535; write host:port, or host alone for port 7400";
const zone = "an IPv6 zone is not supported; use an address without %";

/** A parsed address. */
export interface Endpoint {
  /** Comes before /v1. It has no credentials, so it may be logged. */
  readonly base: string;
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
}

/** Reads `[http[s]://][user[:password]@]host[:port][/base/path]`; throws a TypeError that shows no credentials. */
export function endpoint(address: string): Endpoint {
  try {
    return parsed(address);
  } catch (e) {
    throw new TypeError(`address ${JSON.stringify(withoutCredentials(address))}: ${(e as Error).message}`);
  }
}

function parsed(address: string): Endpoint {
  if (typeof address !== "string") throw new TypeError("it must be a string");
  if (/[\s\p{Cc}]/u.test(address)) throw new TypeError("it contains white space or a control character; remove it");
  let [scheme, rest] = cut(address, "://");
  if (rest === undefined) [scheme, rest] = ["http", address];
  scheme = scheme.toLowerCase();
  if (scheme !== "http" && scheme !== "https") throw new TypeError("the scheme must be http or https");
  const at = rest.lastIndexOf("@");
  const authorization = at < 0 ? undefined : basic(rest.slice(0, at));
  rest = rest.slice(at + 1);
  if (rest.includes("#")) throw new TypeError("it must not have a fragment; remove # and what follows");
  if (rest.includes("?")) throw new TypeError("it must not have a query; remove ? and what follows");
  const [authority, path] = cut(rest, "/");
  return { base: `${scheme}://${hostAndPort(authority)}${basePath(path ?? "")}`, authorization };
}

/** Returns the text before and after the first separator. The latter is undefined if there is none. */
function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function basic(raw: string): string {
  if (raw === "") throw new TypeError("the user is empty; write user:password@host, or no @");
  if (/[/?#@]/.test(raw)) {
    throw new TypeError("user and password must be percent-encoded: write / as %2F, ? as %3F, # as %23 and @ as %40");
  }
  const [user, password] = cut(raw, ":").map((part) => decoded(part ?? ""));
  if (user!.includes(":")) throw new TypeError("the user must not contain a colon: Basic authentication cannot send it");
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function decoded(raw: string): string {
  if (/%(?![0-9a-f]{2})/i.test(raw)) throw new TypeError("user and password must be percent-encoded: write % as %25");
  try {
    const text = decodeURIComponent(raw);
    if (!/\p{Cc}/u.test(text)) return text;
  } catch {
    // not UTF-8
  }
  throw new TypeError("user and password must be UTF-8 text without control characters");
}

/** Checks "host" or "host:port" and adds the default port. An IPv6 address keeps its brackets. */
function hostAndPort(authority: string): string {
  if (authority.startsWith("[")) {
    const [inner, after] = cut(authority.slice(1), "]");
    if (inner.includes("%")) throw new TypeError(zone);
    if (after === undefined || !/^[0-9a-f:.]+$/i.test(inner) || !URL.canParse(`http://[${inner}]`)) {
      throw new TypeError("the host in brackets must be an IPv6 address, as in [::1]:7400");
    }
    if (after !== "" && !after.startsWith(":")) throw new TypeError(wrongPort);
    return `[${inner.toLowerCase()}]:${after === "" ? defaultPort : port(after.slice(1))}`;
  }
  if (authority.split(":").length > 2) {
    throw new TypeError(authority.includes("%") ? zone : "an IPv6 address must be in brackets, as in [::1]:7400");
  }
  const [host, given] = cut(authority.toLowerCase(), ":");
  checkHost(host);
  return `${host}:${given === undefined ? defaultPort : port(given)}`;
}

function port(raw: string): number {
  const n = Number(raw);
  if (!/^[0-9]{1,5}$/.test(raw) || n < 1 || n > 65535) throw new TypeError(wrongPort);
  return n;
}

/**
 * Checks a DNS name or an IPv4 address. Some libraries read a name whose last label is a number as an IPv4 address,
 * others as a name.
 */
function checkHost(host: string): void {
  const labels = host.replace(/\.$/, "").split(".");
  if (host.length > maxHost || !labels.every((l) => /^[0-9a-z_-]+$/.test(l))) {
    throw new TypeError("the host must be a DNS name, an IPv4 address or an IPv6 address in brackets; write host:port");
  }
  const ipv4 = /^(?:(?:0|[1-9][0-9]{0,2})(?:\.(?!$)|$)){4}$/.test(host) && labels.every((n) => Number(n) <= 255);
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1)!) && !ipv4) {
    throw new TypeError("the host ends in a number and is not an IPv4 address such as 10.0.0.1");
  }
}

function basePath(raw: string): string {
  const path = raw.replace(/\/+$/, "");
  if (path === "") return "";
  for (const segment of path.split("/")) {
    const plain = segment.replace(/%2e/gi, ".");
    if (!/^(?:[!$&'()*+,;=:@0-9A-Za-z._~-]|%[0-9a-fA-F]{2})*$/.test(segment) || plain === "." || plain === "..") {
      throw new TypeError("the path must be percent-encoded and have no . or .. segment");
    }
  }
  return `/${path}`;
}

/** Replaces what may be a user and a password. */
function withoutCredentials(address: unknown): unknown {
  if (typeof address !== "string" || !address.includes("@")) return address;
  return `${/^https?:\/\//i.exec(address)?.[0] ?? ""}***${address.slice(address.lastIndexOf("@"))}`;
}
