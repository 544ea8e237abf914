"""The client for threads."""

from __future__ import annotations

import functools
import http.client
import math
import ssl
import threading
import time
from types import TracebackType
from typing import Any, Callable, Iterator, Mapping, Optional, TypeVar

from . import _talks
from ._clock import between
from ._config import DEFAULT_TTL, DEFAULT_UNREACHABLE, MAX_WAIT, Config, Seconds, checked_wait, seconds
from ._errors import POINTLESS, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Released, Unavailable
from ._fork import restart
from ._hold import Hold
from ._http import Connection, Transport, read
from ._keeper import Keeper
from ._lease import Told
from ._model import Event, State
from ._rounds import MIN_PAUSE, Talk, jitter
from ._sse import MAX_EVENT, MAX_SILENCE, Parser, Watch
from ._turns import Turns

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
FOREVER = math.inf
_LOOK_FOR_STOP = 1.0  # how often who waits to lead looks whether it still should, in seconds


class Lease(Told):
    """A hold on a name. It is renewed in the background until it is released or lost."""

    def __init__(self, client: Client, hold: Hold, leave: Callable[[], None]) -> None:
        super().__init__(hold)
        self._client = client
        self._leave = leave
        self._over = threading.Event()
        hold.at_end(self._ended)

    def _ended(self, why: LockdError) -> None:
        self._over.set()
        if isinstance(why, LeaseLost):
            self._leave()  # what is given back is left when the answer is there

    def wait_lost(self, timeout: Optional[Seconds] = None) -> bool:
        """Wait until it ends; return whether it did. For pauses in the work, instead of sleep."""
        if self._hold.foreign:
            return True
        return self._over.wait(None if timeout is None else seconds(timeout))

    def renew(self, ttl: Optional[Seconds] = None, meta: Optional[Mapping[str, Any]] = None) -> None:
        """Renew it now, with another TTL or meta where they are given."""
        self._client._drive(_talks.renew(self._client._cfg, self._hold, None if ttl is None else seconds(ttl), meta))

    def transfer(self, to: str) -> int:
        """Hand it to the first waiter with this holder label, and return the token of the new hold.

        Stop the work first: from now on it is not held, unless the call is refused.
        """
        c = self._client
        try:
            return c._drive(_talks.transfer(c._cfg, c._debts, self._hold, to))
        finally:
            if self._hold.ended is not None and not self._hold.foreign:
                self._leave()

    def release(self, delay: Seconds = 0.0) -> None:
        """Give it back; ``delay`` keeps everybody from it for so long. It may be repeated.

        Stop the work first: from now on it is not held, whatever comes of it. In a
        process that was forked from the holder's it sends nothing.
        """
        c = self._client
        _talks.check_seconds("delay", seconds(delay), _talks.MAX_DELAY)
        if self._hold.foreign:
            return
        try:
            c._drive(_talks.release(c._cfg, c._debts, self._hold, seconds(delay)))
        finally:
            self._leave()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]) -> None:
        lost = self._hold.ended if self.lost else None
        if not isinstance(self._hold.ended, Released):
            try:
                self.release()
            except LockdError:
                if error is None and lost is None:
                    raise
        if lost is not None and error is None:
            raise lost

    def __repr__(self) -> str:
        return f"<lockd.Lease {self.name} token={self.token} remaining={self.remaining():.3f}>"


class Lock:
    """How a lease is wanted, to be entered by ``with``; once or again and again, by any thread."""

    def __init__(self, client: Client, wish: _talks.Wish, wait: float, keep: bool) -> None:
        self._client = client
        self._wish = wish
        self._wait = wait
        self._keep = keep
        self._entered = threading.local()

    def __enter__(self) -> Lease:
        lease = self._client._acquire(self._wish, self._wait, self._keep, keep_place=False)
        self._stack().append(lease)
        return lease

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]) -> None:
        self._stack().pop().__exit__(kind, error, at)

    def _stack(self) -> list[Lease]:
        if not hasattr(self._entered, "leases"):
            self._entered.leases = []
        leases: list[Lease] = self._entered.leases
        return leases

    def __call__(self, work: F) -> F:
        """Decorate: each call runs under the lease."""

        @functools.wraps(work)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return work(*args, **kwargs)

        return guarded  # type: ignore[return-value]


class Client:
    """Speaks to one cluster in the name of one session, for any number of threads.

    Addresses are those of nodes, "http://host:port" or "host:port", tried in this
    order beginning with the one that answered last; any node serves any request.
    Durations are seconds, or timedeltas.
    """

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
        """Make a client. It sends nothing. Raises ValueError if an argument is wrong.

        holder is the public label, by default host name/pid. session is the
        secret of this process's life, by default a random one. request_timeout
        bounds one attempt at one node: a TTL must have room for three. retry_for
        is how long a call goes round the addresses while none has an answer that
        stands; where nothing listens at any of them it fails at once. headers are sent
        with each request. unreachable_timeout is how long a call that waits for a lease
        goes on while no node answers at all; FOREVER is no limit. wait_piece is the
        longest that one request waits, from 1 to 60 s: less than the time after which a
        load balancer cuts a silent request.
        """
        self._cfg = Config(
            addresses, holder, session, request_timeout, retry_for, headers=headers,
            unreachable_timeout=unreachable_timeout, wait_piece=wait_piece,
        )
        self._transport = Transport(self._cfg.addresses, self._cfg.headers, ssl_context)
        self._begin()
        restart(self._after_fork)

    def _begin(self) -> None:
        self._keeper = Keeper(self._cfg, self._transport)
        self._turns = Turns()
        self._debts = _talks.Debts()

    def _after_fork(self) -> None:
        """Begin again in a forked child, where the parent's locks may be taken and its threads are missing."""
        self._cfg.after_fork()
        self._transport.after_fork()
        self._begin()

    def _drive(self, talk: Talk[T]) -> T:
        return self._transport.drive(talk)

    @property
    def holder(self) -> str:
        """The label under which it holds and waits."""
        return self._cfg.holder

    @property
    def session(self) -> str:
        """The session in whose name it speaks. It is a secret. A forked child has another."""
        return self._cfg.session

    def acquire(
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
        """Take the lease, or wait for it in its queue for as long as ``wait``.

        Raises NotAcquired where it is refused: Held where others hold or wait.
        limit is how many may hold at once; delay how long nobody gets the lease
        after this hold expired or was broken; meta a dict that every reader sees.
        reclaim gives a session that holds the lease already a new token, and so
        fences off an older self of its process. Without ``keep`` nothing renews
        it, and it ends at its deadline.
        """
        wish = _talks.Wish.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return self._acquire(wish, checked_wait(wait), keep, keep_place=False)

    def _acquire(self, wish: _talks.Wish, wait: float, keep: bool, keep_place: bool) -> Lease:
        start = self._cfg.clock()
        leave: Callable[[], None] = (lambda: None) if wish.reclaim else self._turns.take(wish.name, wait)
        place = _talks.Place()
        try:
            left = max(wait - between(start, self._cfg.clock()), 0.0)
            hold = self._drive(_talks.acquire(self._cfg, self._debts, wish, left, place, keep_place))
        except LockdError:
            leave()
            raise
        except BaseException:
            try:
                if place.kept:
                    self._drive(_talks.leave_queue(self._cfg, wish.name))
            finally:
                leave()
            raise
        lease = Lease(self, hold, leave)
        self._keeper.deadlines.join(hold)
        if keep:
            self._keeper.renewals.join(hold)
        return lease

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
        unreachable_timeout; the rest is as with acquire. A loss cannot stop a thread: look at ``lease.check()`` between steps, give
        ``lease.token`` to what the lease protects. Where the lease was lost the
        block ends with LeaseLost.
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

    def elect(
        self,
        name: str,
        work: Callable[[Lease], T],
        *,
        stop: Optional[threading.Event] = None,
        ttl: Seconds = DEFAULT_TTL,
        priority: int = 0,
        meta: Optional[Mapping[str, Any]] = None,
    ) -> Optional[T]:
        """Run work whenever this client leads, and again after each loss.

        work gets the lease, and should return soon after it is lost; what it
        raises then counts as its end. Returns what work returns by itself while it
        leads, and raises what it raises; or returns None once stop is set, for
        which it looks each second while it waits for the lease.
        """
        wish = _talks.Wish.of(self._cfg, name, ttl, 1, 0.0, priority, meta, False)
        stop = stop or threading.Event()
        try:
            while not stop.is_set():
                lease = self._campaign(wish, stop)
                if lease is None:
                    continue
                try:
                    with lease:
                        return work(lease)
                except Exception:
                    if not lease.lost:
                        raise
                stop.wait(jitter(MIN_PAUSE))
        except (KeyboardInterrupt, SystemExit):
            self._leave_queue(name)
            raise
        self._leave_queue(name)
        return None

    def _campaign(self, wish: _talks.Wish, stop: threading.Event) -> Optional[Lease]:
        """Ask to lead for a while; None: not yet."""
        try:
            return self._acquire(wish, _LOOK_FOR_STOP, keep=True, keep_place=True)
        except NotAcquired as e:
            if e.problem is not None and e.problem.type in POINTLESS:
                raise
        except (LeaseLost, Unavailable, OutcomeUnknown):
            stop.wait(jitter(MIN_PAUSE))
        return None

    def _leave_queue(self, name: str) -> None:
        """Give up the place, unless another thread has the turn: then the session's place, or hold, is that one's."""
        try:
            leave = self._turns.take(name, 0.0)
        except Held:
            return
        try:
            self._drive(_talks.leave_queue(self._cfg, name))
        finally:
            leave()

    def get(self, name: str, *, stale: bool = False) -> State:
        """Read a lease. A free lease is a state, and no error."""
        return self._drive(_talks.read(self._cfg, name, stale))

    def list(self, prefix: str = "", *, holder: str = "", stale: bool = False) -> Iterator[State]:
        """Read the leases that are held, delayed or waited for, page by page."""
        cursor = ""
        while True:
            page = self._drive(_talks.page(self._cfg, prefix, holder, cursor, stale))
            yield from page.leases
            cursor = page.next
            if not cursor:
                return

    def check(self, name: str, token: int) -> bool:
        """Ask whether a token is that of a hold that stands."""
        return self._drive(_talks.check(self._cfg, name, token))

    def watch(self, name: str = "", *, prefix: Optional[str] = None, after: int = 0) -> Iterator[Event]:
        """Tell the changes of leases in the order of their revisions, without a hole, for ever.

        Begins with an event "state" for each lease and "synced", or with what came
        after a revision. Raises Gone where that is no longer in the history.
        """
        watch = Watch(self._cfg, name, prefix, after)
        return self._events(watch)

    def _events(self, watch: Watch) -> Iterator[Event]:
        wait = threading.Event()
        while True:
            try:
                yield from self._stream(watch)
                raise Unavailable("the stream ended")
            except LockdError as e:
                wait.wait(watch.broken(e))

    def _stream(self, watch: Watch) -> Iterator[Event]:
        connection: Optional[Connection] = None
        try:
            connection = self._transport.connect(watch.to, time.monotonic() + MAX_SILENCE, MAX_SILENCE)
            headers = self._transport.headers(watch.to, "text/event-stream")
            connection.request("GET", self._transport.target(watch.to, watch.path), headers=headers)
            answer = connection.getresponse()
            watch.answered()
            if answer.status != 200:
                raise watch.refused(answer.status, answer.getheader("Retry-After", ""), read(answer))
            parser = Parser()
            while True:
                line = answer.readline(MAX_EVENT + 2)
                if not line.endswith(b"\n"):
                    parser.bound(len(line))
                    return
                message = parser.line(line.rstrip(b"\r\n"))
                event = watch.take(message) if message is not None else None
                if event is not None:
                    yield event
                if message is not None:
                    connection.until(time.monotonic() + MAX_SILENCE)
        except (OSError, http.client.HTTPException) as e:
            raise Unavailable(f"the stream broke: {e}") from e
        finally:
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """Close idle connections. Leases are left as they are: release them first."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
