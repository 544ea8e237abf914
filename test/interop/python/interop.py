"""Tests lockd with the Kubernetes clients of Python: python interop.py URL...

Two candidates elect, the leading one is killed, and the other one takes over; then Leases are written, read and
watched.
"""

import asyncio
import datetime
import subprocess
import sys
import threading
import time

import kubernetes
import kubernetes_asyncio
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes_asyncio.leaderelection import electionconfig as aio_electionconfig
from kubernetes_asyncio.leaderelection import leaderelection as aio_leaderelection
from kubernetes_asyncio.leaderelection.resourcelock.leaselock import LeaseLock as AioLeaseLock

NAMESPACE = "python"
DURATION, DEADLINE, RETRY = 4, 3, 1
PATIENCE = 30
TOKEN = "lockd.io/fencing-token"


def configure(module, url):
    config = module.client.Configuration()
    config.host = url
    module.client.Configuration.set_default(config)


def candidate(library, name, url):
    """Runs one candidate, and prints when it leads: the monotonic clock is that of the machine."""

    def leading():
        print("leading", time.monotonic(), flush=True)

    if library == "kubernetes":
        configure(kubernetes, url)
        lock = LeaseLock(library, NAMESPACE, name)
        leaderelection.LeaderElection(
            electionconfig.Config(lock, DURATION, DEADLINE, RETRY, leading, lambda: print("stopped", flush=True))
        ).run()
        return

    async def elect():
        configure(kubernetes_asyncio, url)
        async with kubernetes_asyncio.client.ApiClient() as api:

            async def started():
                leading()
                await asyncio.sleep(PATIENCE * 2)

            async def stopped():
                print("stopped", flush=True)

            lock = AioLeaseLock(library.replace("_", "-"), NAMESPACE, name, api)
            config = aio_electionconfig.Config(lock, DURATION, DEADLINE, RETRY, started, stopped)
            await aio_leaderelection.LeaderElection(config).run()

    asyncio.run(elect())


class Candidate:
    def __init__(self, library, name, url):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "candidate", library, name, url], stdout=subprocess.PIPE, text=True
        )
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def leading_since(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self.lines:
                if line.startswith("leading"):
                    return float(line.split()[1])
            time.sleep(0.01)
        raise AssertionError(f"{self.process.args} does not lead")

    def kill(self):
        self.process.kill()
        self.process.wait()


def test_election(library, urls):
    api = kubernetes.client.CoordinationV1Api()
    candidates = [Candidate(library, "a", urls[0])]
    try:
        candidates[0].leading_since()
        lease = library.replace("_", "-")
        first = api.read_namespaced_lease(lease, NAMESPACE)
        candidates.append(Candidate(library, "b", urls[1]))
        time.sleep(DURATION + RETRY)  # b has seen the Lease, and a has renewed it
        assert not candidates[1].lines, candidates[1].lines
        killed = time.monotonic()
        candidates[0].kill()
        took = candidates[1].leading_since() - killed
        second = api.read_namespaced_lease(lease, NAMESPACE)
        print(f"{library}: takeover after a kill: {took:.2f} s (lease of {DURATION} s, retry of {RETRY} s)")
        assert took < DURATION + RETRY + 2, took
        assert (first.spec.holder_identity, second.spec.holder_identity) == ("a", "b")
        assert int(second.metadata.annotations[TOKEN]) > int(first.metadata.annotations[TOKEN])
    finally:
        for c in candidates:
            c.kill()


def lease_of(client, name, holder, **labels):
    return client.V1Lease(
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1LeaseSpec(
            holder_identity=holder,
            lease_duration_seconds=60,
            renew_time=datetime.datetime.now(datetime.timezone.utc).replace(microsecond=1),
        ),
    )


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kubernetes.client.ApiException as e:
        assert e.status == status, e
        return
    raise AssertionError(f"{call.__name__} is not refused")


def test_objects(urls):
    client = kubernetes.client
    api = client.CoordinationV1Api()
    refused(404, api.read_namespaced_lease, "crud", NAMESPACE)
    made = api.create_namespaced_lease(NAMESPACE, lease_of(client, "crud", "a", app="x"))
    refused(409, api.create_namespaced_lease, NAMESPACE, lease_of(client, "crud", "a"))

    seen = []

    def follow():
        watch = kubernetes.watch.Watch()
        for e in watch.stream(
            api.list_namespaced_lease, NAMESPACE, resource_version=made.metadata.resource_version, timeout_seconds=PATIENCE
        ):
            if e["object"].metadata.name == "crud":
                seen.append((e["type"], e["object"].spec.holder_identity))
            if e["type"] == "DELETED":
                watch.stop()

    watcher = threading.Thread(target=follow)
    watcher.start()
    stolen = api.read_namespaced_lease("crud", NAMESPACE)
    stolen.spec.holder_identity = "b"
    refused(409, api.replace_namespaced_lease, "crud", NAMESPACE, stolen)
    api.patch_namespaced_lease("crud", NAMESPACE, {"metadata": {"labels": {"tier": "1"}}})
    api.patch_namespaced_lease("crud", NAMESPACE, [{"op": "replace", "path": "/spec/holderIdentity", "value": ""}])
    free = api.read_namespaced_lease("crud", NAMESPACE)
    free.spec.holder_identity = "b"
    taken = api.replace_namespaced_lease("crud", NAMESPACE, free)
    assert int(taken.metadata.annotations[TOKEN]) > int(made.metadata.annotations[TOKEN])
    refused(409, api.replace_namespaced_lease, "crud", NAMESPACE, free)
    assert len(api.list_namespaced_lease(NAMESPACE, label_selector="app=x,tier=1").items) == 1
    assert any(i.metadata.name == "crud" for i in api.list_lease_for_all_namespaces().items)
    api.delete_namespaced_lease("crud", NAMESPACE)
    watcher.join(PATIENCE)
    assert seen == [("MODIFIED", "a"), ("MODIFIED", ""), ("MODIFIED", "b"), ("DELETED", "b")], seen

    dynamic = kubernetes.dynamic.DynamicClient(client.ApiClient())
    leases = dynamic.resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
    body = {"metadata": {"name": "dynamic"}, "spec": {"holderIdentity": "d", "leaseDurationSeconds": 60}}
    leases.create(body=body, namespace=NAMESPACE)
    applied = leases.server_side_apply(
        body={"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "dynamic", "labels": {"a": "b"}}},
        name="dynamic", namespace=NAMESPACE, field_manager="python",
    )
    assert applied.metadata.labels.a == "b"
    events = client.CoreV1Api().list_namespaced_event(NAMESPACE, field_selector="involvedObject.name=dynamic").items
    assert [e.reason for e in events] == ["Acquired"], events
    leases.delete(name="dynamic", namespace=NAMESPACE)


async def test_objects_asyncio(urls):
    client = kubernetes_asyncio.client
    configure(kubernetes_asyncio, urls[2])
    async with client.ApiClient() as connection:
        api = client.CoordinationV1Api(connection)
        made = await api.create_namespaced_lease(NAMESPACE, lease_of(client, "aio", "a"))
        seen = []

        async def follow():
            async with kubernetes_asyncio.watch.Watch().stream(
                api.list_namespaced_lease, NAMESPACE, resource_version=made.metadata.resource_version, timeout_seconds=PATIENCE
            ) as stream:
                async for e in stream:
                    if e["object"].metadata.name == "aio":
                        seen.append(e["type"])
                    if e["type"] == "DELETED":
                        return

        watcher = asyncio.create_task(follow())
        await api.patch_namespaced_lease("aio", NAMESPACE, {"metadata": {"labels": {"tier": "1"}}})
        await api.delete_namespaced_lease("aio", NAMESPACE)
        await asyncio.wait_for(watcher, PATIENCE)
        assert seen == ["MODIFIED", "DELETED"], seen


def main(urls):
    configure(kubernetes, urls[2])
    failures = []

    def run(test, *args):
        try:
            test(*args)
        except BaseException as e:
            failures.append((test.__name__, args, e))

    # The elections wait most of the time.
    elections = [threading.Thread(target=run, args=(test_election, x, urls)) for x in ("kubernetes", "kubernetes_asyncio")]
    for e in elections:
        e.start()
    run(test_objects, urls)
    run(lambda: asyncio.run(test_objects_asyncio(urls)))
    for e in elections:
        e.join()
    for name, args, e in failures:
        print(f"{name} {args}: {type(e).__name__}: {e}")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1] == "candidate":
        candidate(*sys.argv[2:])
    else:
        sys.exit(main(sys.argv[1:]))
