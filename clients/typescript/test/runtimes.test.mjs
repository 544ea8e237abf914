// The packed client on Node, on Deno and in a browser, each with a real node that stops answering at the end.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startServer } from "./server.mjs";
import { smoke } from "./smoke.mjs";

const expected = ["watched state synced released", "the token has grown", "silence the node", "lost"];

/**
 * Returns a function that receives the lines of the smoke test and stops the node when a line asks for it, and the
 * lines.
 */
function listener(server) {
  const lines = [];
  const receive = (line) => {
    lines.push(line);
    if (line === "silence the node") server.node.kill("SIGSTOP");
  };
  return { lines, receive };
}

test("on Node", async (t) => {
  const server = await startServer(t);
  const { lines, receive } = listener(server);
  await smoke(server.address, receive);
  assert.deepEqual(lines, expected);
});

test("on Deno", async (t) => {
  const server = await startServer(t);
  const { lines, receive } = listener(server);
  const deno = spawn("node_modules/.bin/deno", ["run", "--allow-net", "--allow-sys=hostname,osUptime", "test/smoke-deno.mjs", server.address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(deno, "close");
  t.after(() => deno.kill("SIGKILL"));
  for await (const line of createInterface({ input: deno.stdout })) receive(line);
  assert.deepEqual(lines, expected);
  assert.deepEqual(await ended, [0, null]);
});

const chromium = process.env.CHROMIUM ?? "chromium";
const noBrowser = spawnSync(chromium, ["--version"]).error ? `there is no ${chromium}` : false;

test("in a browser, through a proxy of the page's own origin", { skip: noBrowser }, async (t) => {
  const server = await startServer(t);
  const { lines, receive } = listener(server);
  let over;
  const lost = new Promise((resolve) => (over = resolve));
  const origin = await startOrigin(t, server.address, (line) => {
    receive(line);
    if (lines.length === expected.length || line.startsWith("failed")) over();
  });
  await startBrowser(t, origin);
  await lost;
  assert.deepEqual(lines, expected);
});

const page = `<!doctype html>
<script type="importmap">{ "imports": { "@lockd/client": "/client/index.js" } }</script>
<script type="module">
  const report = (line) => fetch("/lines", { method: "POST", body: line });
  const { smoke } = await import("/smoke.mjs");
  await smoke(location.origin, report).catch((e) => report("failed: " + e));
</script>`;

/** Serves the page and the client, forwards requests to the node, and receives the lines of the page. */
async function startOrigin(t, node, receive) {
  const send = (answer, type, body) => answer.writeHead(200, { "Content-Type": type }).end(body);
  const origin = createServer(async (incoming, answer) => {
    if (incoming.url.startsWith("/v1/")) return forward(node, incoming, answer);
    if (incoming.url === "/lines") {
      receive(await new Response(incoming).text());
      return send(answer, "text/plain", "");
    }
    if (incoming.url === "/") return send(answer, "text/html", page);
    const file = incoming.url === "/smoke.mjs" ? "test/smoke.mjs" : `node_modules/@lockd/client/dist/${basename(incoming.url)}`;
    send(answer, "text/javascript", await readFile(file).catch(() => ""));
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => {
    origin.closeAllConnections();
    origin.close();
  });
  return `http://127.0.0.1:${origin.address().port}/`;
}

function forward(node, incoming, answer) {
  const { method, headers } = incoming;
  const outgoing = request(new URL(incoming.url, node), { method, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  outgoing.on("error", () => answer.destroy());
  answer.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

async function startBrowser(t, url) {
  const profile = await mkdtemp(join(tmpdir(), "lockd-browser-"));
  const args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", `--user-data-dir=${profile}`, url];
  const browser = spawn(chromium, args, { stdio: "ignore" });
  const ended = once(browser, "close");
  t.after(async () => {
    browser.kill();
    await ended;
    await rm(profile, { recursive: true, maxRetries: 50 }); // its child processes may write there a little longer
  });
}
