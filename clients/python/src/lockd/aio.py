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
import functools
import math
import ssl
import time
from types import TracebackType
from typing import Any, AsyncIterator, Awaitable, Callable, Mapping, Optional, TypeVar

from . import _talks
from ._clock import between
from ._config import DEFAULT_TTL, DEFAULT_UNREACHABLE, MAX_WAIT, Config, Seconds, checked_wait, seconds
from ._errors import POINTLESS, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Released, Unavailable
from ._fork import restart
from ._hold import Hold
from ._lease import Told
from ._model import Event, State
from ._report import by_thread
from ._rounds import MAX_PAUSE, MIN_PAUSE, Talk, jitter
from ._sse import MAX_SILENCE, Parser, Watch
from ._streams import BadAnswer, Connection, Transport, within

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])
FOREVER = math.inf

# Bounds how late a jump of the wall clock is noticed: timers sleep through a suspension.
_LOOK_EVERY = 1.0


class Lease(Told):
    """A hold on a name. It is renewed in the background until it is released or lost."""

    def __init__(self, client: Client, hold: Hold, leave: Callable[[], None]) -> None:
        super().__init__(hold)
        self._client = client
        self._leave = leave
        self._over = asyncio.Event()
        self._block: Optional[asyncio.Task[Any]] = None
        self._cancelled = False
        hold.at_end(self._ended)

    def _ended(self, why: LockdError) -> None:
        self._over.set()
        if not isinstance(why, LeaseLost):
            return  # what is given back is left when the answer is there
        self._leave()
        if self._block is not None:
            # Not at once: the block itself may be what found out, and is told by an error.
            self._block.get_loop().call_soon(self._cancel_block)

    def _cancel_block(self) -> None:
        if self._block is not None:
            self._cancelled = True
            self._block.cancel()

    async def wait_lost(self) -> None:
        """Wait until it ends."""
        if self._hold.foreign:
            return
        await self._over.wait()

    async def renew(self, ttl: Optional[Seconds] = None, meta: Optional[Mapping[str, Any]] = None) -> None:
        """Renew it now, with another TTL or meta where they are given."""
        to = None if ttl is None else seconds(ttl)
        await self._client._drive(_talks.renew(self._client._cfg, self._hold, to, meta))

    async def transfer(self, to: str) -> int:
        """Hand it to the first waiter with this holder label, and return the token of the new hold.

        Stop the work first: from now on it is not held, unless the call is refused.
        """
        c = self._client
        try:
            return await c._drive(_talks.transfer(c._cfg, c._debts, self._hold, to))
        finally:
            if self._hold.ended is not None and not self._hold.foreign:
                self._leave()

    async def release(self, delay: Seconds = 0.0) -> None:
        """Give it back; ``delay`` keeps everybody from it for so long. It may be repeated.

        Stop the work first: from now on it is not held, whatever comes of it. In a
        process that was forked from the holder's it sends nothing.
        """
        c = self._client
        _talks.check_seconds("delay", seconds(delay), _talks.MAX_DELAY)
        if self._hold.foreign:
            return
        try:
            await c._drive(_talks.release(c._cfg, c._debts, self._hold, seconds(delay)))
        finally:
            self._leave()

    async def __aenter__(self) -> Lease:
        self._block = asyncio.current_task()
        if self._hold.ended is not None:
            raise self._hold.ended
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        block, self._block = self._block, None
        by_loss = self._cancelled and not _still_cancelled(block)
        lost = self._hold.ended if self.lost else None
        if not isinstance(self._hold.ended, Released):
            # The block may be cancelled, and the lease goes back all the same.
            try:
                await asyncio.shield(self.release())
            except LockdError:
                if error is None and lost is None:
                    raise
        if lost is not None and (error is None or by_loss and isinstance(error, asyncio.CancelledError)):
            raise lost from error

    def __repr__(self) -> str:
        return f"<lockd.aio.Lease {self.name} token={self.token} remaining={self.remaining():.3f}>"


def _still_cancelled(task: Optional[asyncio.Task[Any]]) -> bool:
    """Take back the cancellation by a loss, and return whether somebody else has cancelled, too."""
    uncancel = getattr(task, "uncancel", None)  # Python 3.11 counts; before, the loss wins
    return bool(uncancel()) if uncancel is not None else False


def _report(error: BaseException) -> None:
    """Tell the exception handler of the event loop; where none runs any more, threading's hook."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        by_thread(error)
    else:
        loop.call_exception_handler({"message": "lockd: an error that nobody waits for", "exception": error})


class Lock:
    """How a lease is wanted, to be entered by ``async with`` by any task, once or again and again."""

    def __init__(self, client: Client, wish: _talks.Wish, wait: float, keep: bool) -> None:
        self._client = client
        self._wish = wish
        self._wait = wait
        self._keep = keep
        self._entered: dict[Optional[asyncio.Task[Any]], list[Lease]] = {}

    async def __aenter__(self) -> Lease:
        lease = await self._client._acquire(self._wish, self._wait, self._keep)
        await lease.__aenter__()
        self._entered.setdefault(asyncio.current_task(), []).append(lease)
        return lease

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        task = asyncio.current_task()
        lease = self._entered[task].pop()
        if not self._entered[task]:
            del self._entered[task]
        await lease.__aexit__(kind, error, at)

    def __call__(self, work: F) -> F:
        """Decorate: each call runs under the lease."""

        @functools.wraps(work)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            async with self:
                return await work(*args, **kwargs)

        return guarded  # type: ignore[return-value]


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
        self._debts = _talks.Debts()
        self._turns: dict[str, asyncio.Future[None]] = {}
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
        """Take the lease, or wait for it in its queue for as long as ``wait``; as ``lockd.Client.acquire``."""
        wish = _talks.Wish.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return await self._acquire(wish, checked_wait(wait), keep)

    async def _acquire(self, wish: _talks.Wish, wait: float, keep: bool) -> Lease:
        name, start = wish.name, self._cfg.clock()
        leave: Callable[[], None] = (lambda: None) if wish.reclaim else await self._turn(name, wait)
        place = _talks.Place()
        try:
            left = max(wait - between(start, self._cfg.clock()), 0.0)
            hold = await self._drive(_talks.acquire(self._cfg, self._debts, wish, left, place))
        except LockdError:
            leave()
            raise
        except BaseException:
            try:
                if place.kept:
                    await self._drive(_talks.leave_queue(self._cfg, name))
            finally:
                leave()
            raise
        lease = Lease(self, hold, leave)
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

    async def _turn(self, name: str, wait: float) -> Callable[[], None]:
        """Wait for this client's turn at a name, and return how to end it."""
        end = self._cfg.clock().mono + wait
        while name in self._turns:
            left = end - self._cfg.clock().mono
            try:
                await within(asyncio.shield(self._turns[name]), None if left == FOREVER else max(left, 0))
            except asyncio.TimeoutError:
                raise Held(f"{name} is held by this client") from None
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns[name] = mine

        def leave() -> None:
            if self._turns.get(name) is mine:
                del self._turns[name]
                mine.set_result(None)

        return leave

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
        Where the lease is lost the block is cancelled, and ends with LeaseLost.
        """
        wish = _talks.Wish.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return Lock(self, wish, checked_wait(wait), keep)

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
        wish = _talks.Wish.of(self._cfg, name, ttl, limit, delay, priority, meta, False)
        while True:
            lease = await self._campaign(wish)
            try:
                async with lease:
                    return await work(lease)
            except Exception:
                if not lease.lost:
                    raise
            await asyncio.sleep(jitter(MIN_PAUSE))

    async def _campaign(self, wish: _talks.Wish) -> Lease:
        """Ask until this client leads."""
        while True:
            try:
                return await self._acquire(wish, FOREVER, keep=True)
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
        """Ask whether a token is that of a hold that stands."""
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
        """Stop renewing and close idle connections. Leases are lost at their deadlines: release them first."""
        renewing = self._jobs.pop(self._renew.__name__, None)
        if renewing is not None:
            renewing.cancel()
        self._transport.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
