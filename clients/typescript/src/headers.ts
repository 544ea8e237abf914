// Headers that the program adds to each request.

// The client sets these, or they belong to one connection.
const own = new Set([
  "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
  "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
]);

/** Checks headers. Returns them with names in lower case. Throws TypeError; its message never contains a value. */
export function checkedHeaders(given: Readonly<Record<string, string>>, hasToken: boolean): Record<string, string> {
  const checked: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(given)) {
    const what = `header ${JSON.stringify(name)}:`;
    const lower = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new TypeError(`${what} the name must be an HTTP token`);
    if (own.has(lower)) throw new TypeError(`${what} the client sets it itself`);
    if (lower in checked) throw new TypeError(`${what} it is given twice`);
    if (typeof value !== "string" || !/^[\t -~]*$/.test(value)) {
      throw new TypeError(`${what} the value must be printable ASCII, without line breaks`);
    }
    if (lower === "authorization" && hasToken) {
      throw new TypeError(`${what} the client has a token too; give only one of them`);
    }
    checked[lower] = value;
  }
  return checked;
}
