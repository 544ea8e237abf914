// The addresses of nodes, and of proxies in front of them: see "Addresses" in clients/README.md.

const defaultPort = 7400;
const maxHost = 253; // characters of a DNS name

const wrongPort = "the port must be a number from 1 to 65535; write host:port, or host alone for port 7400";
const zone = "an IPv6 zone is not supported; use an address without %";

/** A parsed address. */
export interface Endpoint {
  /** Comes before /v1. */
  readonly base: string;
  /** Whether it is https. */
  readonly secure: boolean;
  /** Whether requests stay on this machine. */
  readonly loopback: boolean;
}

/** Reads `[http[s]://]host[:port][/base/path]`; throws a TypeError that shows no user and no password. */
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
  if (rest.includes("@")) {
    throw new TypeError("it must not have a user or a password; use token or tokenFile, or the header Authorization");
  }
  if (rest.includes("#")) throw new TypeError("it must not have a fragment; remove # and what follows");
  if (rest.includes("?")) throw new TypeError("it must not have a query; remove ? and what follows");
  const [authority, path] = cut(rest, "/");
  const host = hostAndPort(authority);
  return { base: `${scheme}://${host}${basePath(path ?? "")}`, secure: scheme === "https", loopback: isLoopback(host) };
}

/** Returns the text before and after the first separator. The latter is undefined if there is none. */
function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
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

/** Reports whether requests to "host:port" stay on this machine. */
function isLoopback(host: string): boolean {
  const name = host.slice(0, host.lastIndexOf(":"));
  if (name.startsWith("[")) return new URL(`http://${name}`).hostname === "[::1]";
  return /^localhost\.?$|^127(?:\.[0-9]+){3}$/.test(name);
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
