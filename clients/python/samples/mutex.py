"""Runs a job that must not run twice at once.

Start it in two terminals: the second one waits until the first has finished.
"""

import os

import lockd


def report(lease: lockd.Lease) -> None:
    print(client.holder, "runs with token", lease.token, flush=True)
    for _ in range(4):
        lease.wait_lost(0.5)  # a part of the work
        lease.check()  # raises LeaseLost once another may have begun
    print(client.holder, "is done", flush=True)


client = lockd.Client(*os.environ.get("LOCKD_ADDR", "127.0.0.1:7400").split(","))
print(client.holder, "waits for the lease", flush=True)
with client.lock("nightly-report", ttl=10, wait=60) as lease:
    report(lease)
