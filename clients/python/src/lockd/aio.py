"""The client for asyncio.

    import lockd.aio

    async with lockd.aio.Client("10.0.0.1:7400") as client:
        async with client.lock("nightly-report", ttl=15) as lease:
            await report(token=lease.token)

Where the lease is lost its block is cancelled, and ends with LeaseLost. A client
belongs to the event loop in which it is first used.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from typing import Any, AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Optional, TypeVar

from . import _talks
from ._acquire import Acquisition, acquire, withdraw
from ._clock import between
from ._config import DEFAULT_TTL, DEFAULT_UNREACHABLE, MAX_WAIT, Config, Seconds, checked_wait
from ._errors import POINTLESS, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Unavailable
from ._fork import restart
from ._hold import Hold
from ._local_locks import Claim, LocalLocks
from ._model import Event, State
from ._pending import PendingReleases
from ._report import by_thread
from ._rounds import MAX_PAUSE, MIN_PAUSE, Talk, jitter
from ._sse import MAX_SILENCE, Parser, Watch
from ._streams import BadAnswer, Connection, Transport, within
from ._task_lock import Lease, Lock
from ._wanted import Wanted

__all__ = ["FOREVER", "Client", "Lease", "Lock"]

T = TypeVar("T")
FOREVER = math.inf

# Bounds how late a jump of the wall clock is noticed: timers sleep through a suspension.
_LOOK_EVERY = 1.0


def _report(error: BaseException) -> None:
    """Tell the exception handler of the event loop; where none runs any more, threading's hook."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        by_thread(error)
    else:
        loop.call_exception_handler({"message": "lockd: an error that nobody waits for", "exception": error})


class Client:
    """Speaks to one cluster in the name of one session. Its arguments are those of ``lockd.Client``."""

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
    ) -> None:
        """Make a client. It sends nothing. Raises ValueError if an argument is wrong."""
        self._cfg = Config(
            addresses, holder, session, request_timeout, retry_for, report=_report, headers=headers,
            unreachable_timeout=unreachable_timeout, wait_piece=wait_piece,
        )
        self._transport = Transport(self._cfg.addresses, self._cfg.headers, ssl_context)
        self._begin()
        restart(self._after_fork)

    def _begin(self) -> None:
        self._local = LocalLocks()
        self._pending = PendingReleases(self._cfg, self._start_later)
        self._background: set[asyncio.Task[Any]] = set()  # releases that go on by themselves
        self._kept: list[Hold] = []
        self._watched: list[Hold] = []
        self._news: Optional[asyncio.Event] = None  # made when an event loop runs
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._pause = MIN_PAUSE  # the renewals' own

    def _after_fork(self) -> None:
        """Begin again in a forked child, which has an event loop of its own."""
        self._cfg.after_fork()
        self._transport.after_fork()
        self._begin()

    async def _drive(self, talk: Talk[T]) -> T:
        return await self._transport.drive(talk)

    @property
    def holder(self) -> str:
        """The label under which it holds and waits."""
        return self._cfg.holder

    @property
    def session(self) -> str:
        """The session in whose name it speaks. It is a secret. A forked child has another."""
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
        """Take the lease, or wait for it in its queue for as long as ``wait``; as ``lockd.Client.acquire``.

        If it is cancelled, what its requests got is released; it waits for that for up to 1 s.
        """
        wanted = Wanted.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return await self._acquire(wanted, checked_wait(wait), keep)

    async def _acquire(self, wanted: Wanted, wait: float, keep: bool) -> Lease:
        start = self._cfg.clock()
        if wait > 0 and not wanted.reclaim:
            self._local.refuse_reentrance(wanted.name, wanted.limit, asyncio.current_task())
        claim = Claim(wanted.name, self._cfg.session)
        try:
            if not wanted.reclaim:
                await self._enter(claim, wanted, wait)
            of = Acquisition(wanted, claim.session)
            try:
                left = max(wait - between(start, self._cfg.clock()), 0.0)
                return self._granted(claim, await self._drive(acquire(self._cfg, self._pending, of, left)), keep)
            except GeneratorExit:  # this coroutine is closed, and may not await
                release = of.abandon(self._cfg, self._pending)
                if release is not None:
                    self._pending.repeat(release)
                raise
            except BaseException:
                await self._drive(withdraw(self._cfg, self._pending, of))
                raise
        except BaseException:
            if claim.hold is not None:
                claim.hold.give_back()
            self._local.leave(claim)
            raise

    async def _enter(self, claim: Claim, wanted: Wanted, wait: float) -> None:
        """Wait for the client's earlier acquires of this name."""
        locked = asyncio.Event()
        if self._local.enter(claim, wanted.limit, locked.set):
            return
        try:
            await within(locked.wait(), None if wait == FOREVER else wait)
        except asyncio.TimeoutError:
            if not self._local.has(claim):
                raise Held(f"{claim.name} is held by this client") from None

    def _granted(self, claim: Claim, hold: Hold, keep: bool) -> Lease:
        claim.hold = hold
        lease = Lease(self, hold, claim)
        self._watched.append(hold)
        if keep:
            self._kept.append(hold)
        hold.at_end(lambda _why: self._tell())
        self._tell()
        for step in (self._renew, self._expire):
            job = self._jobs.get(step.__name__)
            if job is None or job.done():
                self._jobs[step.__name__] = asyncio.get_running_loop().create_task(self._keep(step))
        return lease

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

    def _start_later(self, talk: Talk[None]) -> None:
        """Drive a talk in the background, soon: a task that begins while the event loop ends would be left over."""
        asyncio.get_running_loop().call_later(MIN_PAUSE, lambda: self._start(self._drive(talk)))

    async def _shielded(self, job: Coroutine[Any, Any, T]) -> T:
        """Wait for a job, which goes on if the caller is cancelled."""
        return await asyncio.shield(self._start(job))

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step again and again, whatever comes of one, as long as a hold lasts."""
        pause = MIN_PAUSE
        while self._living():
            try:
                await step()
                pause = MIN_PAUSE
            except Exception as e:
                self._cfg.report(e)
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)

    async def _renew(self) -> None:
        """Renew what is kept and due."""
        due = min((_talks.until_renewal(h) for h in self._kept), default=_LOOK_EVERY)
        if due > 0:
            await self._look(due)
            return
        ok = await self._drive(_talks.renew_together(self._cfg, list(self._kept)))
        rest, self._pause = jitter(self._pause), (MIN_PAUSE if ok else min(2 * self._pause, MAX_PAUSE))
        await asyncio.sleep(rest)

    async def _expire(self) -> None:
        """End what is not renewed in time. It never waits for a node."""
        left = min(h.expire() for h in self._watched)
        await self._look(max(left, 0.001))

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()

    async def _look(self, longest: float) -> None:
        """Wait for news."""
        if self._news is None:
            self._news = asyncio.Event()
        self._news.clear()
        try:
            await within(self._news.wait(), min(longest, _LOOK_EVERY))
        except asyncio.TimeoutError:
            pass

    def _living(self) -> bool:
        self._kept = [h for h in self._kept if h.ended is None]
        self._watched = [h for h in self._watched if h.ended is None]
        return bool(self._watched)

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

        It waits in the queue, by default until no node is reachable for
        unreachable_timeout; the rest is as with acquire.
        If the lease is lost the block is cancelled, and ends with LeaseLost. If only the release at its end fails, that
        is logged, and the release goes on in the background.
        """
        wanted = Wanted.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return Lock(self, wanted, checked_wait(wait), keep)

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

        What work raises once the lead is lost counts as its end. Returns what work
        returns by itself while it leads, and raises what it raises. Cancel it to resign.
        """
        wanted = Wanted.of(self._cfg, name, ttl, limit, delay, priority, meta, False)
        while True:
            lease = await self._campaign(wanted)
            try:
                async with lease:
                    return await work(lease)
            except Exception as e:
                if not lease._is_end_of_lead(e):
                    raise
            await asyncio.sleep(jitter(MIN_PAUSE))

    async def _campaign(self, wanted: Wanted) -> Lease:
        """Ask until this client leads."""
        while True:
            try:
                return await self._acquire(wanted, FOREVER, keep=True)
            except NotAcquired as e:
                if e.problem is not None and e.problem.type in POINTLESS:
                    raise
            except (LeaseLost, Unavailable, OutcomeUnknown):
                pass
            await asyncio.sleep(jitter(MIN_PAUSE))

    async def get(self, name: str, *, stale: bool = False) -> State:
        """Read a lease. A free lease is a state, and no error."""
        return await self._drive(_talks.read(self._cfg, name, stale))

    async def list(self, prefix: str = "", *, holder: str = "", stale: bool = False) -> AsyncIterator[State]:
        """Read the leases that are held, delayed or waited for, page by page."""
        cursor = ""
        while True:
            page = await self._drive(_talks.page(self._cfg, prefix, holder, cursor, stale))
            for state in page.leases:
                yield state
            cursor = page.next
            if not cursor:
                return

    async def check(self, name: str, token: int) -> bool:
        """Report whether a token is that of a hold that is current."""
        return await self._drive(_talks.check(self._cfg, name, token))

    def watch(self, name: str = "", *, prefix: Optional[str] = None, after: int = 0) -> AsyncIterator[Event]:
        """Tell the changes of leases without a hole, for ever; as ``lockd.Client.watch``."""
        return self._events(Watch(self._cfg, name, prefix, after))

    async def _events(self, watch: Watch) -> AsyncIterator[Event]:
        while True:
            try:
                async for event in self._stream(watch):
                    yield event
                raise Unavailable("the stream ended")
            except LockdError as e:
                await asyncio.sleep(watch.broken(e))

    async def _stream(self, watch: Watch) -> AsyncIterator[Event]:
        connection: Optional[Connection] = None
        try:
            connection = await within(self._transport.connect(watch.to, MAX_SILENCE), MAX_SILENCE)
            headers = self._transport.headers(watch.to, "text/event-stream")
            target = self._transport.target(watch.to, watch.path)
            await within(connection.send("GET", target, headers, None), MAX_SILENCE)
            status, answered = await within(connection.head(), MAX_SILENCE)
            watch.answered()
            if status != 200:
                body = await within(connection.whole(answered), MAX_SILENCE)
                raise watch.refused(status, answered.get("retry-after", ""), body)
            parser, rest, pieces = Parser(), bytearray(), connection.body(answered)
            end = time.monotonic() + MAX_SILENCE
            while True:
                try:
                    piece = await within(pieces.__anext__(), max(end - time.monotonic(), 0.001))
                except StopAsyncIteration:
                    return
                *lines, last = piece.split(b"\n")
                for line in lines:
                    message = parser.line(bytes(rest + line).rstrip(b"\r"))
                    rest.clear()
                    event = watch.take(message) if message is not None else None
                    if event is not None:
                        yield event
                    if message is not None:
                        end = time.monotonic() + MAX_SILENCE
                rest += last
                parser.bound(len(rest))
        except (OSError, asyncio.TimeoutError, EOFError, ValueError, BadAnswer) as e:
            raise Unavailable(f"the stream broke: {e}") from e
        finally:
            if connection is not None:
                connection.close()

    async def close(self) -> None:
        """Stop renewing, make pending releases certain, within 5 s, and close idle connections.

        Leases are lost at their deadlines: release them first.
        """
        renewing = self._jobs.pop(self._renew.__name__, None)
        if renewing is not None:
            renewing.cancel()
        await self._drive(self._pending.finish(_talks.FINISH_TIMEOUT))
        self._transport.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
