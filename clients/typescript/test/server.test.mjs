// The server for tests.

import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startServer } from "./server.mjs";

/** Sets a variable of the environment until the test ends. */
function setenv(t, name, value) {
  const before = process.env[name];
  process.env[name] = value;
  t.after(() => (before === undefined ? delete process.env[name] : (process.env[name] = before)));
}

test("the node does not use settings of the environment", async (t) => {
  setenv(t, "LOCKD_HEARTBEAT_TIMEOUT", "a setting of a real cluster");
  assert.match((await startServer(t)).address, /^http:/);
});

test("the error contains the log if the node does not start", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "lockd-test-"));
  t.after(() => rm(dir, { recursive: true }));
  const binary = join(dir, "lockd");
  await writeFile(binary, "#!/bin/sh\necho this is no JSON >&2\necho null >&2\nexit 1\n");
  await chmod(binary, 0o755);
  setenv(t, "LOCKD_BINARY", binary);
  await assert.rejects(startServer(t), /does not serve:\nthis is no JSON\nnull$/);
});
