"""One of several workers of which one leads.

Start it in three terminals and kill the one that leads, with kill -9: another takes
over. Ctrl-C or SIGTERM resigns, and the next one leads at once.
"""

import os
import signal

import lockd


def lead(lease: lockd.Lease) -> None:
    """What the leader does. After a loss the worker is a candidate again."""
    print(client.holder, "leads with token", lease.token, flush=True)
    try:
        lease.wait_lost()
    finally:
        print(client.holder, "leads no more", flush=True)


signal.signal(signal.SIGTERM, signal.default_int_handler)
client = lockd.Client(*os.environ.get("LOCKD_ADDR", "127.0.0.1:7400").split(","))
print(client.holder, "is a candidate", flush=True)
try:
    client.elect("scheduler", lead, ttl=3)  # a leader that dies is missed for no longer
except KeyboardInterrupt:
    pass
