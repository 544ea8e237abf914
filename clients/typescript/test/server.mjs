// A real node for tests, run from the binary that LOCKD_BINARY names.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "@lockd/client";

/**
 * Runs a node until the test ends. Returns its process and its address when it serves. The node does not get the
 * settings of the environment, because they may be those of a real cluster.
 */
export async function startServer(t) {
  const dir = await mkdtemp(join(tmpdir(), "lockd-test-"));
  const args = ["server", "--data-dir", dir, "--http-addr", "127.0.0.1:0", "--peer-addr", "127.0.0.1:0"];
  const node = spawn(process.env.LOCKD_BINARY ?? "lockd", args, {
    env: { ...Object.fromEntries(Object.entries(process.env).filter(([k]) => !k.startsWith("LOCKD_"))), LOCKD_LOG_FORMAT: "json" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(node, "close");
  t.after(async () => {
    node.kill("SIGKILL"); // the test may have stopped it
    await ended;
    await rm(dir, { recursive: true });
  });
  const address = await served(node.stderr);
  await new Client({ addresses: address, retryFor: 30_000 }).get("ready");
  return { node, address };
}

/** Reads a log until it contains the address of the node. Discards the rest. */
async function served(log) {
  const lines = [];
  for await (const line of createInterface({ input: log })) {
    lines.push(line);
    const entry = message(line);
    if (entry?.msg === "lockd serves") {
      log.resume();
      return entry.http;
    }
  }
  throw new Error(`lockd does not serve:\n${lines.join("\n")}`);
}

/** Parses a line of the log. Undefined if it is not JSON, as the output of a crash. */
function message(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
