// A node with https, and a client of it. Run it with the node's certificate as one that Node trusts.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
const { nodeTransport } = await import(new URL("node-transport.js", import.meta.resolve("@lockd/client")));

const pem = readFileSync(new URL("lockd.test.pem", import.meta.url));
const names = [];
const server = createServer({ key: pem, cert: pem }, (incoming, answer) => {
  names.push(`${incoming.socket.servername} ${incoming.headers.host.split(":")[0]}`);
  incoming.resume().on("end", () => answer.end("{}"));
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const connections = new Set();
server.on("connection", (c) => connections.add(c));

const transport = nodeTransport((_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]));
for (const host of ["lockd.test", "lockd.test", "other.test"]) {
  const request = {
    method: "POST", base: `https://${host}:${server.address().port}`, path: "/v1/x", headers: {}, body: "{}", timeout: 30_000,
    background: false, sent: false, signal: AbortSignal.timeout(30_000),
  };
  try {
    const reply = await transport(request);
    for await (const _chunk of reply.body);
    console.log(reply.status, request.sent);
  } catch (e) {
    console.log(e.code, request.sent);
  }
}
console.log(names.join(), connections.size);
process.exit(0);
