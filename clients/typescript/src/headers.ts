// Headers of the user's, sent with each request.

// Set by the client, or of one connection.
const own = new Set([
  "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
  "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
]);

/** Checks headers; returns them with names in lower case. An error never shows a value. */
export function checkedHeaders(given: Readonly<Record<string, string>>, authorized: boolean): Record<string, string> {
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
    if (lower === "authorization" && authorized) {
      throw new TypeError(`${what} an address has a user too; give only one of them`);
    }
    checked[lower] = value;
  }
  return checked;
}
