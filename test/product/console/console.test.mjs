// The console in a real browser, on a real cluster: LOCKD_BINARY=bin/lockd node --test
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { accessible, launch, noErrors, open } from "./browser.mjs";
import { Cluster, eventually } from "./cluster.mjs";

let browser, cluster;
const url = (hash = "", node = cluster.nodes[0]) => `${node.url}/ui${hash}`;

before(async () => {
  browser = await launch();
  cluster = await Cluster.start(3);
});
after(async () => {
  await browser?.close();
  await cluster?.stop();
});

test("a browser at / is sent to the console, a program gets an index", async () => {
  const page = await open(browser, cluster.nodes[0].url + "/");
  assert.equal(new URL(page.url()).pathname, "/ui");
  const index = await cluster.get("/");
  assert.equal(index.console, "/ui");
  noErrors(page);
  await page.context().close();
});

test("a lease that is acquired appears on Overview and on Leases without a reload", async () => {
  const overview = await open(browser, url());
  const leases = await open(browser, url("#/leases", cluster.nodes[1]));
  await overview.getByText("live", { exact: true }).waitFor();
  await leases.getByText(/No lease is held/).waitFor();
  const begun = Date.now();
  await cluster.acquire("report", "w1", { meta: { url: "http://w1.internal:8080/" } });
  await overview.locator(".events").getByRole("link", { name: "report" }).first().waitFor();
  console.log(`# the event was on the page after ${Date.now() - begun} ms`);
  await leases.getByRole("link", { name: "report" }).waitFor();
  await leases.locator("tr", { hasText: "report" }).getByRole("link", { name: "w1.internal:8080" }).waitFor();
  noErrors(overview);
  noErrors(leases);
  await overview.context().close();
  await leases.context().close();
});

test("why is my job not running: from Overview to a safe break in at most four clicks", async () => {
  const hold = await cluster.acquire("migrate", "deploy-7");
  const waiter = await cluster.wait("migrate", "deploy-8");
  const page = await open(browser, url());
  let clicks = 0;
  const click = async (what) => {
    clicks += 1;
    await what.click();
  };
  const waited = page.locator(".waited li", { hasText: "migrate" });
  await waited.getByText("deploy-8").waitFor(); // who waits is on the first page
  await click(waited.getByRole("link", { name: "migrate" }));
  await page.getByRole("heading", { name: "Why is it not free?" }).waitFor();
  await page.locator(".reasons").getByText(`token ${hold.token}`).waitFor();
  await click(page.locator(".steps").getByRole("button", { name: "Break…" }));
  const dialog = page.getByRole("dialog");
  const end = dialog.getByRole("button", { name: "Break the hold" });
  await dialog.getByText(/When the last promise to the holder ends, in at most/).waitFor();
  assert.ok(await end.isDisabled(), "a break needs a reason and the name");
  await dialog.getByLabel("Reason, for the history").fill("its machine is gone");
  await dialog.getByLabel(/to confirm/).fill("migrat");
  assert.ok(await end.isDisabled(), "the name is not complete");
  await dialog.getByLabel(/to confirm/).fill("migrate");
  await click(dialog.getByText(/At once/));
  await click(end);
  assert.ok(clicks <= 4, `${clicks} clicks`);
  await page.getByText(`The hold of deploy-7 (token ${hold.token}) is broken`).waitFor();
  assert.equal((await waiter.granted).status, 201, "the waiter is granted the lease");
  await page.locator(".events").getByText("its machine is gone").waitFor();
  await page.getByRole("heading", { name: "Holder" }).waitFor();
  await page.locator("table").getByRole("link", { name: "deploy-8" }).first().waitFor();
  noErrors(page);
  await page.context().close();
});

test("a holder is asked to hand over to a waiter, and from all of its leases", async () => {
  await cluster.acquire("hand.a", "machine-1");
  await cluster.acquire("hand.b", "machine-1");
  await cluster.wait("hand.a", "machine-2");
  const page = await open(browser, url("#/leases/hand.a"));
  await page.getByRole("button", { name: "Hand over…" }).click();
  await page.getByLabel("Hand over to").selectOption("machine-2");
  await page.getByRole("button", { name: "Ask to hand over" }).click();
  await page.getByText(/asked to step down for machine-2/).waitFor();
  assert.equal((await cluster.get("/v1/leases/hand.a")).holders[0].step_down.to, "machine-2");

  await page.goto(url("#/holders"));
  await page.getByRole("link", { name: "machine-1" }).click();
  await page.getByRole("button", { name: "Ask to step down from all…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Ask to step down" }).click();
  await page.getByText("machine-1 is asked to step down from 2 leases.").waitFor();
  assert.ok((await cluster.get("/v1/leases/hand.b")).holders[0].step_down);
  noErrors(page);
  await page.context().close();
});

test("events are filtered by lease, actor and kind", async () => {
  await cluster.acquire("filter.a", "f1");
  await cluster.raw("POST", "/v1/leases/filter.a/release", { session: "filter.a-f1-session" });
  const page = await open(browser, url("#/events"));
  await page.getByLabel("Lease begins with").fill("filter.");
  await page.getByLabel("Event").selectOption("released");
  await eventually("one event is left", async () => await page.locator(".events li").count() === 1);
  await page.locator(".events li").getByText("released by").waitFor();
  await page.getByLabel("Holder or operator").fill("no such holder");
  await page.getByText("No event matches.").waitFor();
  noErrors(page);
  await page.context().close();
});

test("names, holders and metadata of others do no harm", async () => {
  const evil = `<img src=x onerror="document.title='hit'">`;
  await cluster.acquire("evil", evil, { meta: { url: "javascript:document.title='hit'", note: `\u202e\u2066${"<script>alert(1)</script>"}`, fill: "x".repeat(3800) } });
  const page = await open(browser, url("#/leases/evil"));
  await page.getByRole("link", { name: evil }).first().waitFor();
  await page.getByText("metadata").click();
  const shown = await page.locator(".meta pre").textContent();
  assert.ok(shown.includes("<script>") && !/[\u202e\u2066]/.test(shown), shown.slice(0, 200));
  assert.equal(await page.locator("a[href^='javascript']").count(), 0);
  for (const hash of ["#/", "#/leases", "#/holders", "#/events", `#/holders/${encodeURIComponent(evil)}`]) {
    await page.goto(url(hash));
    await page.getByText(evil).first().waitFor();
    assert.notEqual(await page.title(), "hit");
    assert.equal(await page.locator("main img").count(), 0);
  }
  await page.goto(url("#/leases/%E0%A4%A")); // not an encoded name
  await page.getByRole("heading", { name: "Leases" }).waitFor();
  noErrors(page);
  await page.context().close();
});

test("every page is accessible, fits 360 pixels and has no error, in both themes", async () => {
  await cluster.acquire("pool", "p1", { limit: 3 });
  await cluster.wait("report", "w2");
  const pages = { "#/": "Overview", "#/leases": "Leases", "#/leases/report": "report", "#/leases/pool": "pool", "#/leases/nothing": "nothing", "#/holders": "Holders", "#/holders/w1": "w1", "#/cluster": "Cluster", "#/events": "Events", "#/nothing": "Page not found" };
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      const page = await open(browser, url(), { colorScheme, viewport: { width, height: 800 } });
      for (const [hash, heading] of Object.entries(pages)) {
        await page.goto(url(hash));
        await page.getByRole("heading", { level: 1, name: heading }).waitFor();
        await page.waitForLoadState("load");
        await eventually(`${hash} is loaded`, async () => await page.getByText("Loading…").count() === 0);
        await accessible(page, `${hash}, ${colorScheme}, ${width}`);
      }
      await page.goto(url("#/leases/report"));
      await page.getByRole("button", { name: "Break…" }).first().click();
      await page.getByRole("dialog").waitFor();
      await accessible(page, `the dialog, ${colorScheme}, ${width}`);
      noErrors(page);
      await page.context().close();
    }
  }
});

test("everything is reachable by keyboard, and a dialog gives the focus back", async () => {
  const page = await open(browser, url("#/leases/report"));
  await page.getByRole("button", { name: "Break…" }).first().waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
  await page.locator(".skip").focus();
  const seen = [await focused()];
  for (let i = 0; i < 60 && seen.at(-1) !== "Break…"; i++) {
    await page.keyboard.press("Tab");
    seen.push(await focused());
  }
  assert.equal(seen.at(-1), "Break…", seen.join(" | "));
  assert.ok(seen.includes("Skip to the content") && seen.includes("Events"), seen.join(" | "));
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(), "Break…");
  noErrors(page);
  await page.context().close();
});

test("the theme is kept, and less motion is respected", async () => {
  const page = await open(browser, url("#/leases/report"), { reducedMotion: "reduce" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: /Theme: auto/ }).click();
  await page.getByRole("button", { name: /Theme: light/ }).click();
  assert.notEqual(await background(), light);
  await page.reload();
  await page.getByRole("button", { name: /Theme: dark/ }).waitFor();
  assert.notEqual(await background(), light);
  const bar = page.locator(".bar i").first();
  await bar.waitFor({ state: "attached" });
  assert.equal(await bar.evaluate((e) => getComputedStyle(e).transitionDuration), "0s");
  noErrors(page);
  await page.context().close();
});

test("the page goes on when the leader is killed, and says when its own node is", async () => {
  const leader = await cluster.leader();
  const follower = cluster.nodes.find((n) => n !== leader);
  const there = await open(browser, url("#/", follower));
  const here = await open(browser, url("#/", leader));
  await there.getByText("live", { exact: true }).waitFor();
  await here.getByText("live", { exact: true }).waitFor();
  await cluster.kill(leader);
  try {
    await here.getByText("reconnecting", { exact: true }).waitFor();
    await here.getByText("This node does not answer.").waitFor();
    assert.equal(await here.getByRole("link", { name: follower.name }).getAttribute("href"), `${follower.url}/ui#/`);
    await there.locator(".node", { hasText: leader.name }).getByText("not reachable").waitFor();
    await there.getByText("can lose none").waitFor();
    const { status } = await cluster.raw("POST", "/v1/leases/after-the-kill/acquire", { holder: "w9" }, follower);
    assert.equal(status, 201);
    await there.locator(".events").getByRole("link", { name: "after-the-kill" }).first().waitFor();
  } finally {
    cluster.run(leader);
  }
  await here.getByText("live", { exact: true }).waitFor();
  await here.locator(".events").getByRole("link", { name: "after-the-kill" }).first().waitFor(); // nothing was missed
  noErrors(there);
  noErrors(here);
  await there.context().close();
  await here.context().close();
});

test("without a leader the page shows what the node knew last", async () => {
  const one = await Cluster.start(3);
  try {
    await one.acquire("last.known", "w1");
    const leader = await one.leader();
    const [survivor, other] = one.nodes.filter((n) => n !== leader);
    await eventually("the survivor knows the lease", async () => (await one.raw("GET", "/v1/leases/last.known?stale=true", undefined, survivor)).data.holder === "w1");
    await one.kill(leader);
    await one.kill(other);
    const page = await open(browser, url("#/", survivor));
    await page.getByText(/No leader: 1 of 3 voters answer, 2 are needed/).waitFor();
    await page.goto(url("#/leases", survivor));
    await page.getByText("The cluster has no leader.").waitFor();
    await page.getByRole("link", { name: "last.known" }).click();
    await page.locator(".reasons").getByText("w1").waitFor();
    assert.equal(await page.getByRole("button", { name: "Break…" }).count(), 0, "nothing can be done without a leader");
    await accessible(page, "a lease without a leader");
    survivor.process.kill("SIGSTOP"); // a node that hangs is no other than one that is gone
    await page.getByText("This node does not answer.").waitFor();
    survivor.process.kill("SIGCONT");
    await page.getByText("This node does not answer.").waitFor({ state: "detached" });
    noErrors(page);
    await page.context().close();
  } finally {
    await one.stop();
  }
});

test("leadership is transferred, and a node is removed after its name was typed", async () => {
  await eventually("all nodes are there", async () => (await Promise.all(cluster.nodes.map((n) => cluster.raw("GET", "/readyz", undefined, n).catch(() => ({}))))).every((r) => r.status === 200));
  const leader = await cluster.leader();
  const next = cluster.nodes.find((n) => n !== leader);
  const page = await open(browser, url("#/cluster", next));
  await page.locator(".node", { hasText: next.name }).getByRole("button", { name: "Make it the leader…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Transfer leadership" }).click();
  await eventually(`${next.name} leads`, async () => (await cluster.leader()) === next);
  await page.locator(".node", { hasText: next.name }).getByText("leader", { exact: true }).waitFor();

  await page.locator(".node", { hasText: leader.name }).getByRole("button", { name: "Remove…" }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("button", { name: "Remove the node" }).isDisabled());
  await dialog.getByText("The cluster then survives the loss of none").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await cluster.get("/v1/cluster")).nodes.length, 3);
  noErrors(page);
  await page.context().close();
});

test("ten thousand leases are scrolled in a table that draws only what is seen", async () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `many.${String(i).padStart(5, "0")}`);
  for (let i = 0; i < names.length; i += 64) {
    const { status, data } = await cluster.raw("POST", "/v1/acquire", { names: names.slice(i, i + 64), holder: `batch-${i}`, session: `batch-session-${i}`.padEnd(16, "0"), ttl_ms: 3_600_000 });
    assert.ok(status === 201, JSON.stringify(data));
  }
  const page = await open(browser, url("#/leases?prefix=many."));
  await page.getByRole("link", { name: "many.00000" }).waitFor();
  const box = page.getByRole("region", { name: "Table of leases" });
  let rows = 0;
  for (let scrolls = 0; await page.getByRole("link", { name: "many.09999" }).count() === 0; scrolls++) {
    assert.ok(scrolls < 400, "the end is not reached");
    await box.evaluate((e) => { e.scrollTop = e.scrollHeight; });
    rows = Math.max(rows, await page.locator("tbody tr").count());
    await page.waitForTimeout(20);
  }
  assert.ok(rows < 100, `${rows} rows are drawn at once`);
  await box.evaluate((e) => { e.scrollTop = 0; });
  await page.getByRole("link", { name: "many.00000" }).waitFor();
  await cluster.raw("POST", "/v1/leases/many.00001/release", { session: "batch-session-0".padEnd(16, "0") });
  await page.getByRole("link", { name: "many.00001" }).waitFor({ state: "detached" });
  await page.getByLabel("Order").selectOption("age");
  await page.getByText("the first 200 in this order").waitFor();
  noErrors(page);
  await page.context().close();
});

test("the page is smaller than 60 kB and makes no request to another host", async () => {
  const page = await open(browser, "about:blank");
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  const assets = [];
  page.on("response", (r) => {
    if (new URL(r.url()).pathname.startsWith("/ui")) assets.push(r);
  });
  page.faults = [];
  await page.goto(url());
  await page.getByText("live", { exact: true }).waitFor();
  const sizes = await Promise.all(assets.map(async (r) => (await r.request().sizes()).responseBodySize));
  const total = sizes.reduce((a, b) => a + b, 0);
  console.log(`# the page has ${assets.length} files, ${total} bytes compressed`);
  assert.ok(total > 10_000 && total < 60_000, `${total} bytes`);
  await page.context().close();
});

test("screenshots", async () => {
  const dir = process.env.SCREENSHOTS;
  if (!dir) return;
  mkdirSync(dir, { recursive: true });
  const shots = await Cluster.start(3);
  try {
    for (const [team, jobs] of Object.entries({ billing: ["invoices", "nightly-report", "sync-crm"], media: ["thumbnails", "transcode"], search: ["leader", "reindex"] })) {
      for (const [i, job] of jobs.entries()) await shots.acquire(`${team}.${job}`, `${team}-${i + 1}`, { meta: { url: `http://${team}-${i + 1}.internal/` } });
    }
    await shots.acquire("infra.migrate", "deploy-41", { ttl_ms: 120_000, meta: { url: "http://ci.internal/builds/41" } });
    await shots.wait("infra.migrate", "deploy-42");
    await shots.wait("infra.migrate", "deploy-43");
    await shots.wait("search.reindex", "search-1");
    await shots.acquire("billing.export", "billing-9", { ttl_ms: 1000 });
    await eventually("it has expired", async () => (await shots.get("/v1/leases/billing.export")).state === "free");
    const hold = await shots.acquire("media.cleanup", "media-7");
    await shots.raw("POST", "/v1/leases/media.cleanup/break", { token: hold.token, reason: "media-7 lost its disk", grace_ms: 0 });
    for (const [name, hash] of [["console-overview", "#/"], ["console-lease", "#/leases/infra.migrate"]]) {
      const page = await open(browser, `${shots.nodes[0].url}/ui${hash}`, { viewport: { width: 1200, height: 780 } });
      await page.getByText("live", { exact: true }).waitFor();
      await page.locator(".events li").first().waitFor();
      await page.screenshot({ path: `${dir}/${name}.png` });
      await page.context().close();
    }
  } finally {
    await shots.stop();
  }
});
