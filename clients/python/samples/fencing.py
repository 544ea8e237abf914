"""Writes to a database under a lease. The database rejects a write that comes too late.

Start it and stop it with Ctrl-Z before it writes. Let another one write, then continue the first one with fg: its write
changes nothing, and it exits with 3.
"""

import os
import sqlite3
import sys

import lockd

TOO_LATE = 3  # the exit code if a later holder has written


def opened(path: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)  # each statement is a transaction
    db.execute("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, value TEXT NOT NULL, token INTEGER NOT NULL)")
    db.execute("INSERT INTO accounts VALUES (1, 'nothing', 0) ON CONFLICT DO NOTHING")
    return db


def write(value: str, token: int) -> bool:
    """Write a value and its token, unless the row has a higher token.

    It is one statement, so that no other write comes between the check and the update.
    """
    changed = db.execute("UPDATE accounts SET value = ?, token = ? WHERE id = 1 AND token <= ?", (value, token, token))
    if changed.rowcount > 0:
        print(value, "wrote with token", token, flush=True)
        return True
    by, last = db.execute("SELECT value, token FROM accounts WHERE id = 1").fetchone()
    print(f"{value} was refused with token {token}: {by} wrote with token {last}", flush=True)
    return False


db = opened("accounts.db")
client = lockd.Client(*os.environ.get("LOCKD_ADDR", "127.0.0.1:7400").split(","))
print(client.holder, "waits for the lease", flush=True)
with client.lock("account-1", ttl=2, wait=60) as lease:
    print(f"{client.holder} holds with token {lease.token}: press Enter to write", flush=True)
    sys.stdin.readline()
    # lease.check() would not help: a program can be stopped right after it.
    if not write(client.holder, lease.token):
        sys.exit(TOO_LATE)
