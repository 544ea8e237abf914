"""One of several workers. One of them leads.

Start it in three terminals and kill the leader with kill -9: another one leads after the TTL. Ctrl-C or SIGTERM resigns,
and the next one leads at once.
"""

import os
import signal

import lockd


def lead(lease: lockd.Lease) -> None:
    """The work of the leader. After a loss the worker is a candidate again."""
    print(client.holder, "leads with token", lease.token, flush=True)
    try:
        lease.wait_lost()
    finally:
        print(client.holder, "leads no more", flush=True)


signal.signal(signal.SIGTERM, signal.default_int_handler)
client = lockd.Client(*os.environ.get("LOCKD_ADDR", "127.0.0.1:7400").split(","))
print(client.holder, "is a candidate", flush=True)
try:
    client.elect("scheduler", lead, ttl=3)  # the longest time without a leader after a crash
except KeyboardInterrupt:
    pass
