// The pages of text: the API reference and the problems.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, launch, noErrors, open } from "./browser.mjs";
import { Cluster } from "./cluster.mjs";

let browser, cluster;

before(async () => {
  browser = await launch();
  cluster = await Cluster.start(1);
});
after(async () => {
  await browser?.close();
  await cluster?.stop();
});

test("the reference and the problems are accessible and fit a phone, in both themes", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      const page = await open(browser, cluster.nodes[0].url + "/docs", { colorScheme, viewport: { width, height: 800 } });
      for (const path of ["/docs", "/problems", "/problems/held", "/problems/outcome-unknown"]) {
        await page.goto(cluster.nodes[0].url + path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await accessible(page, `${path}, ${colorScheme}, ${width}`);
      }
      noErrors(page);
      await page.context().close();
    }
  }
});

test("a route is found, its command works, and the theme is that of the console", async () => {
  const page = await open(browser, cluster.nodes[0].url + "/docs");
  await page.getByRole("navigation", { name: "Routes" }).getByRole("link", { name: /Explain why a lease is not free/ }).click();
  assert.equal(new URL(page.url()).hash, "#explainLease");
  await page.locator("#explainLease .command-box").getByRole("button", { name: "Copy the command" }).waitFor();
  await page.getByRole("button", { name: /Theme: auto/ }).click();
  await page.getByRole("button", { name: /Theme: light/ }).click();
  await page.getByRole("link", { name: "Problems" }).click();
  await page.getByRole("button", { name: /Theme: dark/ }).waitFor();
  assert.deepEqual(await page.locator("h2").allTextContents(), ["Stop work", "Wait and retry", "Fix the request"]);
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("live", { exact: true }).waitFor();
  await page.getByRole("button", { name: /Theme: dark/ }).waitFor();
  noErrors(page);
  await page.context().close();
});
