"""The client for asyncio.

    import lockd.aio

    async with lockd.aio.Client("10.0.0.1:7400") as client:
        async with client.lock("nightly-report", ttl=15) as lease:
            await report(token=lease.token)

If the lease is lost, its block is cancelled and ends with LeaseLost. A client belongs to the event loop in which it is
first used.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from typing import (
    Any,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    List,
    Mapping,
    Optional,
    Sequence,
    TypeVar,
)

from . import _admin, _reads, _session, _task_watch
from ._acquire import Acquisition, acquire, withdraw
from ._acquire_all import AcquireAll, acquire_all, withdraw_all
from ._aio_transport import Transport
from ._clock import between
from ._cluster import Cluster
from ._config import (
    DEFAULT_TTL,
    DEFAULT_UNREACHABLE,
    MAX_WAIT,
    Config,
    Seconds,
    checked_wait,
)
from ._errors import (
    PERMANENT_REFUSALS,
    Held,
    LeaseLost,
    NotAcquired,
    OutcomeUnknown,
    Unavailable,
)
from ._event import Event, History
from ._fork import restart
from ._hold import Hold
from ._local_locks import Claim, LocalLocks
from ._model import Broken, Renewals, SessionReleased, State, StepDownAccepted
from ._operations import FINISH_TIMEOUT
from ._options import AcquireOptions
from ._pending import PendingReleases
from ._report import by_event_loop
from ._retry import MIN_PAUSE, Operation, jitter
from ._task_lock import Lease, Lock
from ._task_renewer import Renewer
from ._tls import Tls
from ._tokens import Path
from ._watch import Watch
from ._within import within

__all__ = ["FOREVER", "Client", "Lease", "Lock"]

T = TypeVar("T")
FOREVER = math.inf


class Client:
    """A client of one cluster with one session. Its arguments are those of ``lockd.Client``."""

    def __init__(
        self,
        *addresses: str,
        holder: Optional[str] = None,
        session: Optional[str] = None,
        request_timeout: Optional[Seconds] = None,
        retry_for: Seconds = 5.0,
        ssl_context: Optional[ssl.SSLContext] = None,
        headers: Optional[Mapping[str, str]] = None,
        unreachable_timeout: Seconds = DEFAULT_UNREACHABLE,
        wait_piece: Seconds = MAX_WAIT,
        token: Optional[str] = None,
        token_file: Optional[Path] = None,
        ca_file: Optional[Path] = None,
        cert_file: Optional[Path] = None,
        key_file: Optional[Path] = None,
        insecure: bool = False,
    ) -> None:
        """Make a client. It sends nothing. Raises ValueError if an argument is wrong."""
        self._cfg = Config(
            addresses, holder, session, request_timeout, retry_for, report=by_event_loop, headers=headers,
            unreachable_timeout=unreachable_timeout, wait_piece=wait_piece, token=token, token_file=token_file,
            insecure=insecure,
        )
        tls = Tls(self._cfg.addresses, ssl_context, ca_file, cert_file, key_file)
        self._transport = Transport(self._cfg, tls)
        self._begin()
        restart(self._after_fork)

    def _begin(self) -> None:
        self._local = LocalLocks()
        self._pending = PendingReleases(self._cfg, self._start_later)
        self._background: set[asyncio.Task[Any]] = set()  # releases that run by themselves
        self._renewer = Renewer(self._cfg, lambda operation: self._drive(operation))

    def _after_fork(self) -> None:
        """Start again in a forked child, which has an event loop of its own."""
        self._cfg.after_fork()
        self._transport.after_fork()
        self._begin()

    async def _drive(self, operation: Operation[T]) -> T:
        return await self._transport.drive(operation)

    @property
    def holder(self) -> str:
        """The holder name of its holds and its places in queues."""
        return self._cfg.holder

    @property
    def session(self) -> str:
        """The session of its requests. It is a secret. A forked child has another."""
        return self._cfg.session

    async def acquire(
        self,
        name: str,
        *,
        ttl: Seconds = DEFAULT_TTL,
        wait: Seconds = 0.0,
        limit: int = 1,
        delay: Seconds = 0.0,
        priority: int = 0,
        meta: Optional[Mapping[str, Any]] = None,
        reclaim: bool = False,
        keep: bool = True,
    ) -> Lease:
        """Acquire the lease, or wait for it in its queue for at most ``wait``, as ``lockd.Client.acquire`` does.

        If it is cancelled, what its requests acquired is released. It waits for that for at most 1 s.
        """
        options = AcquireOptions.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return await self._acquire(options, checked_wait(wait), keep)

    async def _acquire(self, options: AcquireOptions, wait: float, keep: bool) -> Lease:
        start = self._cfg.clock()
        if wait > 0 and not options.reclaim:
            self._local.refuse_reentrance(options.name, options.limit, asyncio.current_task())
        claim = Claim(options.name, self._cfg.session)
        try:
            if not options.reclaim:
                await self._enter(claim, options.limit, wait)
            of = Acquisition(options, claim.session)
            try:
                left = max(wait - between(start, self._cfg.clock()), 0.0)
                return self._granted(claim, await self._drive(acquire(self._cfg, self._pending, of, left)), keep)
            except GeneratorExit:  # this coroutine is closed and may not await
                release = of.abandon(self._cfg, self._pending)
                if release is not None:
                    self._pending.repeat(release)
                raise
            except BaseException:
                await self._drive(withdraw(self._cfg, self._pending, of))
                raise
        except BaseException:
            self._give_up(claim)
            raise

    async def _enter(self, claim: Claim, limit: int, wait: float) -> None:
        """Wait for the client's earlier acquires of this name."""
        locked = asyncio.Event()
        if self._local.enter(claim, limit, locked.set):
            return
        try:
            await within(locked.wait(), None if wait == FOREVER else wait)
        except asyncio.TimeoutError:
            if not self._local.has(claim):
                raise Held(f"{claim.name} is held by this client") from None

    def _granted(self, claim: Claim, hold: Hold, keep: bool) -> Lease:
        claim.hold = hold
        lease = Lease(self, hold, claim)
        self._renewer.join(hold, keep)
        return lease

    def _give_up(self, claim: Claim) -> None:
        if claim.hold is not None:
            claim.hold.mark_released()
        self._local.leave(claim)

    async def acquire_all(
        self,
        names: Sequence[str],
        *,
        ttl: Seconds = DEFAULT_TTL,
        meta: Optional[Mapping[str, Any]] = None,
        keep: bool = True,
    ) -> List[Lease]:
        """Acquire up to 64 leases in one step, or none of them, as ``lockd.Client.acquire_all`` does."""
        of = AcquireAll.of(self._cfg, names, ttl, meta)
        claims = [Claim(name, of.session) for name in of.names]
        try:
            for claim in claims:
                await self._enter(claim, 1, 0.0)
            try:
                holds = await self._drive(acquire_all(self._cfg, self._pending, of))
                return [self._granted(claim, hold, keep) for claim, hold in zip(claims, holds)]
            except GeneratorExit:  # this coroutine is closed and may not await
                for release in of.abandon(self._cfg, self._pending):
                    self._pending.repeat(release)
                raise
            except BaseException:
                await self._drive(withdraw_all(self._cfg, self._pending, of))
                raise
        except BaseException:
            for claim in claims:
                self._give_up(claim)
            raise

    def _start(self, job: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a job in the background. Raises RuntimeError if no event loop runs."""
        try:
            task = asyncio.get_running_loop().create_task(job)
        except RuntimeError:
            job.close()
            raise
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _start_later(self, operation: Operation[None]) -> None:
        """Drive an operation in the background, soon: a task that starts while the loop ends would never finish."""
        asyncio.get_running_loop().call_later(MIN_PAUSE, lambda: self._start(self._drive(operation)))

    async def _shielded(self, job: Coroutine[Any, Any, T]) -> T:
        """Wait for a job. It continues if the caller is cancelled."""
        return await asyncio.shield(self._start(job))

    def lock(
        self,
        name: str,
        *,
        wait: Seconds = FOREVER,
        ttl: Seconds = DEFAULT_TTL,
        limit: int = 1,
        delay: Seconds = 0.0,
        priority: int = 0,
        meta: Optional[Mapping[str, Any]] = None,
        reclaim: bool = False,
        keep: bool = True,
    ) -> Lock:
        """Return a context manager that holds the lease while its block runs.

        It waits in the queue, by default until no node is reachable for unreachable_timeout. The other arguments are
        those of acquire. If the lease is lost, the block is cancelled and ends with LeaseLost. If only the release at
        its end fails, that is logged, and the release continues in the background.
        """
        options = AcquireOptions.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return Lock(self, options, checked_wait(wait), keep)

    def exclusive(
        self,
        name: str,
        *,
        wait: Seconds = FOREVER,
        ttl: Seconds = DEFAULT_TTL,
        limit: int = 1,
        delay: Seconds = 0.0,
        priority: int = 0,
        meta: Optional[Mapping[str, Any]] = None,
        reclaim: bool = False,
        keep: bool = True,
    ) -> Lock:
        """Return a decorator: each call of the function runs under the lease."""
        return self.lock(
            name, wait=wait, ttl=ttl, limit=limit, delay=delay, priority=priority, meta=meta, reclaim=reclaim, keep=keep
        )

    async def elect(
        self,
        name: str,
        work: Callable[[Lease], Awaitable[T]],
        *,
        ttl: Seconds = DEFAULT_TTL,
        limit: int = 1,
        delay: Seconds = 0.0,
        priority: int = 0,
        meta: Optional[Mapping[str, Any]] = None,
    ) -> T:
        """Run work whenever this client leads, and again after each loss, which cancels it.

        An error that work raises after the loss counts as its end. Returns what work returns while it leads, and
        raises what it raises. Cancel it to resign.
        """
        options = AcquireOptions.of(self._cfg, name, ttl, limit, delay, priority, meta, False)
        while True:
            lease = await self._campaign(options)
            try:
                async with lease:
                    return await work(lease)
            except Exception as e:
                if not lease._ended_by_loss(e):
                    raise
            await asyncio.sleep(jitter(MIN_PAUSE))

    async def _campaign(self, options: AcquireOptions) -> Lease:
        """Wait until this client leads."""
        while True:
            try:
                return await self._acquire(options, FOREVER, keep=True)
            except NotAcquired as e:
                if e.problem is not None and e.problem.type in PERMANENT_REFUSALS:
                    raise
            except (LeaseLost, Unavailable, OutcomeUnknown):
                pass
            await asyncio.sleep(jitter(MIN_PAUSE))

    async def get(self, name: str, *, stale: bool = False) -> State:
        """Read a lease. A free lease is a state, not an error."""
        return await self._drive(_reads.read(self._cfg, name, stale))

    async def list(self, prefix: str = "", *, holder: str = "", stale: bool = False) -> AsyncIterator[State]:
        """Read the leases that are held, delayed or waited for, page by page."""
        cursor = ""
        while True:
            page = await self._drive(_reads.page(self._cfg, prefix, holder, cursor, stale))
            for state in page.leases:
                yield state
            cursor = page.next
            if not cursor:
                return

    async def check(self, name: str, token: int) -> bool:
        """Report whether a token is current: whether its hold has not ended."""
        return await self._drive(_reads.check(self._cfg, name, token))

    async def history(self, name: str, *, stale: bool = False) -> History:
        """Read the newest events of a lease, newest first."""
        return await self._drive(_reads.history(self._cfg, name, stale))

    def watch(self, name: str = "", *, prefix: Optional[str] = None, after: int = 0) -> AsyncIterator[Event]:
        """Yield the changes of leases without a gap and without an end, as ``lockd.Client.watch`` does."""
        return _task_watch.events(self._transport, Watch(self._cfg, name, prefix, after))

    async def renew_session(self) -> Renewals:
        """Renew all leases of this client now, as ``lockd.Client.renew_session`` does."""
        return await self._drive(_session.renew_session(self._cfg, self._local.holds()))

    async def release_session(self) -> SessionReleased:
        """Release all leases of this client and leave every queue, as ``lockd.Client.release_session`` does."""
        holds = self._local.holds()
        try:
            return await self._drive(_session.release_session(self._cfg, self._pending, holds))
        finally:
            for claim in self._local.claims_of(holds):
                self._local.leave(claim)

    async def break_lease(self, name: str, token: int, *, reason: str, grace: Optional[Seconds] = None) -> Broken:
        """End the hold of another session, for operators, as ``lockd.Client.break_lease`` does."""
        return await self._drive(_admin.break_lease(self._cfg, name, token, reason, grace))

    async def request_step_down(
        self, name: str, token: int, *, to: str = "", within: Optional[Seconds] = None
    ) -> StepDownAccepted:
        """Ask a holder to transfer or release its lease, as ``lockd.Client.request_step_down`` does."""
        return await self._drive(_admin.request_step_down(self._cfg, name, token, to, within))

    async def cluster(self) -> Cluster:
        """Read the cluster as the node that answers sees it. It needs no leader."""
        return await self._drive(_reads.cluster(self._cfg))

    async def close(self) -> None:
        """Stop renewing, confirm pending releases, for at most 5 s, and close idle connections.

        Leases are lost at their deadlines: release them first.
        """
        self._renewer.stop()
        await self._drive(self._pending.finish(FINISH_TIMEOUT))
        self._transport.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
