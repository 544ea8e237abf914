// Writes to a database under a lease. The database rejects a write that comes too late. Start it, stop it with Ctrl-Z
// before it writes, let another process write, and continue the first one with fg: its write changes nothing, and it
// exits with 3.

import { once } from "node:events";
import { Client } from "@lockd/client";
import sqlite from "node-sqlite3-wasm";

const tooLate = 3; // the exit code if a later holder has written

function open(path) {
  const db = new sqlite.Database(path);
  db.exec("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, value TEXT NOT NULL, token INTEGER NOT NULL)");
  db.exec("INSERT INTO accounts VALUES (1, 'nothing', 0) ON CONFLICT DO NOTHING");
  return db;
}

/**
 * Stores the greatest token in the row and rejects a write with a lower one. It is one statement, so that no other
 * write can happen in between.
 */
function write(db, value, token) {
  const { changes } = db.run("UPDATE accounts SET value = ?, token = ? WHERE id = 1 AND token <= ?", [value, token, token]);
  if (changes > 0) {
    console.log(`${value} wrote with token ${token}`);
    return true;
  }
  const last = db.get("SELECT value, token FROM accounts WHERE id = 1");
  console.log(`${value} was refused with token ${token}: ${last.value} wrote with token ${last.token}`);
  return false;
}

const db = open("accounts.db");
const client = new Client({ addresses: (process.env.LOCKD_ADDR ?? "127.0.0.1:7400").split(",") });
console.log(`${client.holder} waits for the lease`);
const lease = await client.acquire("account-1", { ttl: 2_000, wait: 60_000 });
try {
  console.log(`${client.holder} holds with token ${lease.token}: press Enter to write`);
  await once(process.stdin, "data");
  // lease.check() would not help: a program can be stopped right after it.
  if (!write(db, client.holder, lease.token)) process.exitCode = tooLate;
} finally {
  db.close();
  process.stdin.destroy();
  await lease.release();
}
