// A browser, and what each page is checked for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});

// open opens a page of the console. Errors of the page, among them violations of its policy, and requests to other
// hosts are collected: noErrors checks them.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.faults = [];
  page.on("pageerror", (e) => page.faults.push(String(e)));
  page.on("console", (m) => {
    if (m.type() === "error" && !/Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(m.text())) page.faults.push(m.text());
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(new URL(url).origin)) page.faults.push(`a request to ${r.url()}`);
  });
  page.on("dialog", (d) => {
    page.faults.push(`a dialog of the browser: ${d.message()}`);
    d.dismiss();
  });
  await page.goto(url);
  return page;
}

export function noErrors(page) {
  assert.deepEqual(page.faults, []);
}

// accessible checks a page with axe, and that it does not scroll sideways.
export async function accessible(page, what) {
  const report = await page.evaluate(`${axe}; axe.run()`);
  assert.deepEqual(report.violations.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`), [], what);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what} is ${wide} pixels too wide`);
}
