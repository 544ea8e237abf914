// The console of a cluster that requires credentials.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, launch, noErrors, open } from "./browser.mjs";
import { Cluster, eventually } from "./cluster.mjs";

let browser, cluster;
const tokens = {};

before(async () => {
  browser = await launch();
  cluster = await Cluster.start(1);
  tokens.admin = cluster.cli("token", "create", "ops", "--admin");
  tokens.reader = cluster.cli("token", "create", "reader", "--allow", "read:*");
  tokens.team = cluster.cli("token", "create", "team", "--allow", "operate:team.");
  tokens.metrics = cluster.cli("token", "create", "prometheus", "--allow", "metrics");
  cluster.cli("auth", "enable");
  cluster.token = tokens.admin;
  await cluster.acquire("team.job", "t1");
  await cluster.acquire("other.job", "o1");
});
after(async () => {
  await browser?.close();
  await cluster?.stop();
});

// signIn opens a page and signs in with a token.
async function signIn(token, hash = "") {
  const page = await open(browser, `${cluster.nodes[0].url}/ui${hash}`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  return page;
}

test("the page asks for a token, keeps it in the tab only, and forgets it", async () => {
  const page = await open(browser, `${cluster.nodes[0].url}/ui#/leases/team.job`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await accessible(page, "the sign-in");
  await page.getByLabel("Token").fill("lockd_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText(/does not know this token/).waitFor();
  const urls = [];
  page.on("request", (r) => urls.push(r.url()));
  await page.getByLabel("Token").fill(tokens.reader);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Why is it not free?" }).waitFor();
  assert.ok(!urls.some((u) => u.includes("lockd_")), "the token is in a URL");
  const stored = await page.evaluate(() => ({ cookie: document.cookie, local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage) }));
  assert.ok(!stored.cookie && !stored.local.includes("lockd_") && stored.session.includes("lockd_"), JSON.stringify(stored));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  noErrors(page);
  await page.context().close();
});

test("a principal that may only read sees no action", async () => {
  const page = await signIn(tokens.reader, "#/leases/team.job");
  await page.getByRole("heading", { name: "Why is it not free?" }).waitFor();
  await page.getByText("reader", { exact: true }).waitFor();
  for (const hash of ["#/leases/team.job", "#/cluster", "#/holders/t1"]) {
    await page.goto(`${cluster.nodes[0].url}/ui${hash}`);
    await page.locator("section, table").first().waitFor();
    assert.deepEqual(await page.getByRole("button", { name: /Break|Hand over|step down|Remove|leader/ }).allTextContents(), [], hash);
  }
  noErrors(page);
  await page.context().close();
});

test("an operator of a scope sees its leases, and acts only there", async () => {
  const page = await signIn(tokens.team, "#/leases");
  await page.getByRole("link", { name: "team.job" }).click();
  await page.getByRole("button", { name: "Break…" }).first().waitFor();
  await page.goto(`${cluster.nodes[0].url}/ui#/leases`);
  assert.equal(await page.getByRole("link", { name: "other.job" }).count(), 0);
  await page.goto(`${cluster.nodes[0].url}/ui#/leases/other.job`);
  await page.getByText("Your principal has no right to see this lease.").first().waitFor();
  noErrors(page);
  await page.context().close();
});

test("a principal without the right read is told what it lacks", async () => {
  const page = await signIn(tokens.metrics);
  await page.getByText("Your principal has no right to see leases.").waitFor();
  await accessible(page, "the refusal");
  noErrors(page);
  await page.context().close();
});

test("a token that is revoked ends the page", async () => {
  const token = cluster.cli("token", "create", "leaver", "--allow", "read:*");
  const page = await signIn(token);
  await page.getByText("live", { exact: true }).waitFor();
  cluster.cli("token", "revoke", token.slice("lockd_".length, "lockd_".length + 10));
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  noErrors(page);
  await page.context().close();
});

test("an administrator sees who did what on this node, by lease, actor, action and decision", async () => {
  const url = cluster.nodes[0].url;
  const refused = await fetch(`${url}/v1/leases/other.job/acquire`, {
    method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${tokens.team}` }, body: JSON.stringify({ holder: "t1" }),
  });
  assert.equal(refused.status, 403);
  const page = await signIn(tokens.admin, "#/events");
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  await page.getByText(/records of node/).waitFor();
  const rows = page.getByRole("row");
  await rows.filter({ hasText: "token.create" }).first().waitFor();
  await accessible(page, "the audit log");
  await page.getByLabel("Decision").selectOption("deny");
  await page.getByLabel("Principal, token or address").fill("team");
  await page.getByLabel("Action begins with").fill("lease.a");
  await page.getByLabel("Lease", { exact: true }).fill("other.job");
  const found = page.locator("table.records tbody tr");
  await eventually("one record matches all filters", async () => await found.count() === 1);
  const text = await found.textContent();
  assert.match(text, /team.*lease\.acquire.*other\.job.*refused.*403/s);
  const whole = await page.content();
  for (const token of Object.values(tokens)) assert.ok(!whole.includes(token.slice(-40)), "a token is on the page");
  await page.getByLabel("Lease", { exact: true }).fill("team.job");
  await page.getByText("No record matches.").waitFor();
  noErrors(page);
  await page.context().close();
});

test("a caller that is no administrator sees no audit log", async () => {
  const page = await signIn(tokens.reader, "#/events/audit");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Audit", exact: true }).count(), 0);
  noErrors(page);
  await page.context().close();
});
