"""The client for threads."""

from __future__ import annotations

import http.client
import math
import ssl
import threading
import time
from typing import Any, Callable, Iterator, Mapping, Optional, TypeVar

from . import _talks
from ._acquire import Acquisition, acquire, withdraw
from ._clock import between
from ._config import DEFAULT_TTL, DEFAULT_UNREACHABLE, MAX_WAIT, Config, Seconds, checked_wait
from ._errors import POINTLESS, Held, LeaseLost, LockdError, NotAcquired, OutcomeUnknown, Unavailable
from ._fork import restart
from ._hold import Hold
from ._http import Connection, Transport, read
from ._keeper import Keeper
from ._local_locks import Claim, LocalLocks
from ._model import Event, State
from ._pending import PendingReleases
from ._rounds import MIN_PAUSE, Talk, jitter
from ._sse import MAX_EVENT, MAX_SILENCE, Parser, Watch
from ._thread_lock import Lease, Lock
from ._wanted import Wanted

T = TypeVar("T")
FOREVER = math.inf
_LOOK_FOR_STOP = 1.0  # how often a candidate that waits to lead looks whether it still should, in seconds


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
        self._local = LocalLocks()
        self._pending = PendingReleases(self._cfg, self._run)

    def _run(self, talk: Talk[None]) -> None:
        threading.Thread(target=self._drive, args=(talk,), name="lockd-releases", daemon=True).start()

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

        Raises NotAcquired if it is refused: Held if others hold or wait. If it raises, also by an exception from
        outside such as KeyboardInterrupt, what its requests got is released, after 1 s in the background. Two leases of
        one name and client exclude each other, unless limit is above 1: then each further one has a session of its own.
        limit is how many may hold at once; delay how long nobody gets the lease
        after this hold expired or was broken; meta a dict that every reader sees.
        reclaim gives a session that holds the lease already a new token, and so
        fences off an older self of its process. Without ``keep`` nothing renews
        it, and it ends at its deadline.
        """
        wanted = Wanted.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return self._acquire(wanted, checked_wait(wait), keep)

    def _acquire(self, wanted: Wanted, wait: float, keep: bool) -> Lease:
        start = self._cfg.clock()
        claim = self._claim(wanted, wait)
        try:
            if not wanted.reclaim:
                self._enter(claim, wanted, wait)
            of = Acquisition(wanted, claim.session)
            try:
                left = max(wait - between(start, self._cfg.clock()), 0.0)
                return self._granted(claim, self._drive(acquire(self._cfg, self._pending, of, left)), keep)
            except BaseException:
                self._drive(withdraw(self._cfg, self._pending, of))
                raise
        except BaseException:
            self._give_up(claim)
            raise

    def _claim(self, wanted: Wanted, wait: float) -> Claim:
        if wait > 0 and not wanted.reclaim:
            self._local.refuse_reentrance(wanted.name, wanted.limit, threading.current_thread())
        return Claim(wanted.name, self._cfg.session)

    def _enter(self, claim: Claim, wanted: Wanted, wait: float) -> None:
        """Wait for the client's earlier acquires of this name."""
        locked = threading.Event()
        if self._local.enter(claim, wanted.limit, locked.set):
            return
        if not locked.wait(min(wait, threading.TIMEOUT_MAX)) and not self._local.has(claim):
            raise Held(f"{claim.name} is held by this client")

    def _granted(self, claim: Claim, hold: Hold, keep: bool) -> Lease:
        claim.hold = hold
        lease = Lease(self, hold, claim)
        self._keeper.deadlines.join(hold)
        if keep:
            self._keeper.renewals.join(hold)
        return lease

    def _give_up(self, claim: Claim) -> None:
        if claim.hold is not None:
            claim.hold.give_back()
        self._local.leave(claim)

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
        unreachable_timeout; the rest is as with acquire. A loss cannot stop a thread: call ``lease.check()`` between
        steps, and give ``lease.token`` to what the lease protects. If the lease was lost the block ends with LeaseLost.
        If only the release at its end fails, that is logged, and the release goes on in the background.
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
        wanted = Wanted.of(self._cfg, name, ttl, 1, 0.0, priority, meta, False)
        stop = stop or threading.Event()
        while not stop.is_set():
            lease = self._campaign(wanted, stop)
            if lease is None:
                break
            try:
                with lease:
                    return work(lease)
            except Exception as e:
                if not lease._is_end_of_lead(e):
                    raise
            stop.wait(jitter(MIN_PAUSE))
        return None

    def _campaign(self, wanted: Wanted, stop: threading.Event) -> Optional[Lease]:
        """Ask until this client leads; None: stop is set, and the queue is left."""
        claim = self._claim(wanted, FOREVER)
        try:
            locked = threading.Event()
            if self._local.enter(claim, wanted.limit, locked.set):
                locked.set()
            while not locked.wait(_LOOK_FOR_STOP):
                if stop.is_set():
                    break
            lease = self._ask_to_lead(claim, wanted, stop)
        except BaseException:
            self._give_up(claim)
            raise
        if lease is None:
            self._give_up(claim)
        return lease

    def _ask_to_lead(self, claim: Claim, wanted: Wanted, stop: threading.Event) -> Optional[Lease]:
        of = Acquisition(wanted, claim.session)
        try:
            while not stop.is_set():
                try:
                    hold = self._drive(acquire(self._cfg, self._pending, of, _LOOK_FOR_STOP, keep_place=True))
                    return self._granted(claim, hold, keep=True)
                except NotAcquired as e:
                    if e.problem is not None and e.problem.type in POINTLESS:
                        raise
                except (LeaseLost, Unavailable, OutcomeUnknown):
                    stop.wait(jitter(MIN_PAUSE))
                if not of.queued:
                    of = Acquisition(wanted, claim.session)  # the one before has left nothing
        except BaseException:
            self._drive(withdraw(self._cfg, self._pending, of))
            raise
        self._drive(withdraw(self._cfg, self._pending, of))
        return None

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
        """Report whether a token is that of a hold that is current."""
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
        """Make pending releases certain, within 5 s, and close idle connections.

        Leases are left as they are: release them first.
        """
        self._drive(self._pending.finish(_talks.FINISH_TIMEOUT))
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
