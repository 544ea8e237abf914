// The packed client on Node, on Deno and in a browser, each with a real node that
// falls silent in the end.

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

const story = ["watched state synced released", "the token has grown", "silence the node", "lost"];

/** Returns a listener to what the smoke test says, which stops the node where it is asked to, and what was said. */
function listener(server) {
  const said = [];
  const hear = (line) => {
    said.push(line);
    if (line === "silence the node") server.node.kill("SIGSTOP");
  };
  return { said, hear };
}

test("on Node", async (t) => {
  const server = await startServer(t);
  const { said, hear } = listener(server);
  await smoke(server.address, hear);
  assert.deepEqual(said, story);
});

test("on Deno", async (t) => {
  const server = await startServer(t);
  const { said, hear } = listener(server);
  const deno = spawn("node_modules/.bin/deno", ["run", "--allow-net", "--allow-sys=hostname,osUptime", "test/smoke-deno.mjs", server.address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(deno, "close");
  t.after(() => deno.kill("SIGKILL"));
  for await (const line of createInterface({ input: deno.stdout })) hear(line);
  assert.deepEqual(said, story);
  assert.deepEqual(await ended, [0, null]);
});

const chromium = process.env.CHROMIUM ?? "chromium";
const noBrowser = spawnSync(chromium, ["--version"]).error ? `there is no ${chromium}` : false;

test("in a browser, through a proxy of the page's own origin", { skip: noBrowser }, async (t) => {
  const server = await startServer(t);
  const { said, hear } = listener(server);
  let over;
  const lost = new Promise((resolve) => (over = resolve));
  const origin = await startOrigin(t, server.address, (line) => {
    hear(line);
    if (said.length === story.length || line.startsWith("failed")) over();
  });
  await startBrowser(t, origin);
  await lost;
  assert.deepEqual(said, story);
});

const page = `<!doctype html>
<script type="importmap">{ "imports": { "@lockd/client": "/client/index.js" } }</script>
<script type="module">
  const say = (line) => fetch("/said", { method: "POST", body: line });
  const { smoke } = await import("/smoke.mjs");
  await smoke(location.origin, say).catch((e) => say("failed: " + e));
</script>`;

/** Serves the page and the client, passes requests on to the node, and hears what the page says. */
async function startOrigin(t, node, hear) {
  const send = (answer, type, body) => answer.writeHead(200, { "Content-Type": type }).end(body);
  const origin = createServer(async (asked, answer) => {
    if (asked.url.startsWith("/v1/")) return passOn(node, asked, answer);
    if (asked.url === "/said") {
      hear(await new Response(asked).text());
      return send(answer, "text/plain", "");
    }
    if (asked.url === "/") return send(answer, "text/html", page);
    const file = asked.url === "/smoke.mjs" ? "test/smoke.mjs" : `node_modules/@lockd/client/dist/${basename(asked.url)}`;
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

function passOn(node, asked, answer) {
  const { method, headers } = asked;
  const onward = request(new URL(asked.url, node), { method, headers }, (told) => {
    answer.writeHead(told.statusCode, told.headers);
    told.pipe(answer);
  });
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
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
    await rm(profile, { recursive: true, maxRetries: 50 }); // its helpers may write there for a moment longer
  });
}
