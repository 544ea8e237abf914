"""The client for threads."""

from __future__ import annotations

import math
import ssl
import threading
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, TypeVar

from . import _admin, _reads, _session, _thread_election, _thread_watch
from ._acquire import Acquisition, acquire, withdraw
from ._acquire_all import AcquireAll, acquire_all, withdraw_all
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
from ._errors import Held
from ._event import Event, History
from ._fork import restart
from ._hold import Hold
from ._local_locks import Claim, LocalLocks
from ._model import Broken, Renewals, SessionReleased, State, StepDownAccepted
from ._operations import FINISH_TIMEOUT
from ._options import AcquireOptions
from ._pending import PendingReleases
from ._renewer import Renewer
from ._retry import Operation
from ._thread_lock import Lease, Lock
from ._tls import Tls
from ._tokens import Path
from ._transport import Transport
from ._watch import Watch

T = TypeVar("T")
FOREVER = math.inf


class Client:
    """A client of one cluster with one session. Any thread may use it.

    Addresses are those of nodes, "http://host:port" or "host:port". A request goes first to the node that answered
    last, then to the others in order. Any node serves any request. Durations are in seconds, or timedeltas.
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
        token: Optional[str] = None,
        token_file: Optional[Path] = None,
        ca_file: Optional[Path] = None,
        cert_file: Optional[Path] = None,
        key_file: Optional[Path] = None,
        insecure: bool = False,
    ) -> None:
        """Make a client. It sends nothing. Raises ValueError if an argument is wrong.

        holder is the public holder name; the default is host name/pid. session identifies this run of this process and
        is a secret; the default is random. request_timeout limits one attempt at one node; a TTL must have room for
        three. retry_for is how long a call tries the addresses without a final answer; if no address accepts a
        connection, it fails at once. headers are sent with each request. unreachable_timeout is how long a call that
        waits for a lease continues while no node answers; FOREVER is no limit. wait_piece is the longest wait of one
        request, from 1 to 60 s: choose less than the time after which a load balancer cuts a silent request.

        token, or the content of token_file, is sent as ``Authorization: Bearer``. The file is read again after a 401
        or a 429 and every minute. A token is sent only over https and to loopback, unless insecure is set. ca_file
        has the authorities of the nodes' certificates, instead of those of the system. cert_file and key_file are a
        client certificate. These PEM files are loaded again when they change, for new connections.
        """
        self._cfg = Config(
            addresses, holder, session, request_timeout, retry_for, headers=headers,
            unreachable_timeout=unreachable_timeout, wait_piece=wait_piece, token=token, token_file=token_file,
            insecure=insecure,
        )
        tls = Tls(self._cfg.addresses, ssl_context, ca_file, cert_file, key_file)
        self._transport = Transport(self._cfg, tls)
        self._begin()
        restart(self._after_fork)

    def _begin(self) -> None:
        self._renewer = Renewer(self._cfg, self._transport)
        self._local = LocalLocks()
        self._pending = PendingReleases(self._cfg, self._run)

    def _run(self, operation: Operation[None]) -> None:
        threading.Thread(target=self._drive, args=(operation,), name="lockd-releases", daemon=True).start()

    def _after_fork(self) -> None:
        """Start again in a forked child: the parent's locks may be locked there, and its threads do not run."""
        self._cfg.after_fork()
        self._transport.after_fork()
        self._begin()

    def _drive(self, operation: Operation[T]) -> T:
        return self._transport.drive(operation)

    @property
    def holder(self) -> str:
        """The holder name of its holds and its places in queues."""
        return self._cfg.holder

    @property
    def session(self) -> str:
        """The session of its requests. It is a secret. A forked child has another."""
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
        """Acquire the lease, or wait for it in its queue for at most ``wait``.

        Raises NotAcquired if it is refused: Held if others hold it or wait for it. If it raises, also because of an
        exception from outside such as KeyboardInterrupt, what its requests acquired is released, after 1 s in the
        background. Two leases of one name and client exclude each other, unless limit is above 1: then each further
        one has a session of its own.

        limit is how many may hold the lease at once. delay is how long no session gets the lease after this hold
        expired or was broken. meta is a dict that every reader sees. reclaim gives a session that holds the lease already a new
        token, so that the writes of an earlier run of its process are rejected. Without ``keep`` the lease is not
        renewed and ends at its deadline.
        """
        options = AcquireOptions.of(self._cfg, name, ttl, limit, delay, priority, meta, reclaim)
        return self._acquire(options, checked_wait(wait), keep)

    def _acquire(self, options: AcquireOptions, wait: float, keep: bool) -> Lease:
        start = self._cfg.clock()
        claim = self._claim(options, wait)
        try:
            if not options.reclaim:
                self._enter(claim, options.limit, wait)
            of = Acquisition(options, claim.session)
            try:
                left = max(wait - between(start, self._cfg.clock()), 0.0)
                return self._granted(claim, self._drive(acquire(self._cfg, self._pending, of, left)), keep)
            except BaseException:
                self._drive(withdraw(self._cfg, self._pending, of))
                raise
        except BaseException:
            self._give_up(claim)
            raise

    def _claim(self, options: AcquireOptions, wait: float) -> Claim:
        if wait > 0 and not options.reclaim:
            self._local.refuse_reentrance(options.name, options.limit, threading.current_thread())
        return Claim(options.name, self._cfg.session)

    def _enter(self, claim: Claim, limit: int, wait: float) -> None:
        """Wait for the client's earlier acquires of this name."""
        locked = threading.Event()
        if self._local.enter(claim, limit, locked.set):
            return
        if not locked.wait(min(wait, threading.TIMEOUT_MAX)) and not self._local.has(claim):
            raise Held(f"{claim.name} is held by this client")

    def _granted(self, claim: Claim, hold: Hold, keep: bool) -> Lease:
        claim.hold = hold
        lease = Lease(self, hold, claim)
        self._renewer.deadlines.join(hold)
        if keep:
            self._renewer.renewals.join(hold)
        return lease

    def _give_up(self, claim: Claim) -> None:
        if claim.hold is not None:
            claim.hold.mark_released()
        self._local.leave(claim)

    def acquire_all(
        self,
        names: Sequence[str],
        *,
        ttl: Seconds = DEFAULT_TTL,
        meta: Optional[Mapping[str, Any]] = None,
        keep: bool = True,
    ) -> List[Lease]:
        """Acquire up to 64 leases in one step, or none of them. It never waits for a lease.

        Returns the leases in the order of names, each with a token of its own. Raises NotAcquired if it is refused:
        ``error.problem.leases`` are those that blocked it. Holds that the session has already are renewed.
        """
        of = AcquireAll.of(self._cfg, names, ttl, meta)
        claims = [Claim(name, of.session) for name in of.names]
        try:
            for claim in claims:
                self._enter(claim, 1, 0.0)
            try:
                holds = self._drive(acquire_all(self._cfg, self._pending, of))
                return [self._granted(claim, hold, keep) for claim, hold in zip(claims, holds)]
            except BaseException:
                self._drive(withdraw_all(self._cfg, self._pending, of))
                raise
        except BaseException:
            for claim in claims:
                self._give_up(claim)
            raise

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
        those of acquire. A loss cannot stop a thread: call ``lease.check()`` between steps, and give ``lease.token`` to
        the store that the lease protects. If the lease was lost, the block ends with LeaseLost. If only the release at
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

        work gets the lease and should return soon after it is lost; an error that it raises then counts as its end.
        Returns what work returns while it leads, and raises what it raises. Returns None once stop is set. A candidate
        checks stop each second.
        """
        options = AcquireOptions.of(self._cfg, name, ttl, 1, 0.0, priority, meta, False)
        return _thread_election.elect(self, options, work, stop or threading.Event())

    def get(self, name: str, *, stale: bool = False) -> State:
        """Read a lease. A free lease is a state, not an error."""
        return self._drive(_reads.read(self._cfg, name, stale))

    def list(self, prefix: str = "", *, holder: str = "", stale: bool = False) -> Iterator[State]:
        """Read the leases that are held, delayed or waited for, page by page."""
        cursor = ""
        while True:
            page = self._drive(_reads.page(self._cfg, prefix, holder, cursor, stale))
            yield from page.leases
            cursor = page.next
            if not cursor:
                return

    def check(self, name: str, token: int) -> bool:
        """Report whether a token is current: whether its hold has not ended."""
        return self._drive(_reads.check(self._cfg, name, token))

    def history(self, name: str, *, stale: bool = False) -> History:
        """Read the newest events of a lease, newest first."""
        return self._drive(_reads.history(self._cfg, name, stale))

    def watch(self, name: str = "", *, prefix: Optional[str] = None, after: int = 0) -> Iterator[Event]:
        """Yield the changes of leases in the order of their revisions, without a gap and without an end.

        Begins with an event "state" for each lease and "synced", or after a revision. Raises Gone if that revision is
        no longer in the history.
        """
        return _thread_watch.events(self._transport, Watch(self._cfg, name, prefix, after))

    def renew_session(self) -> Renewals:
        """Renew all leases of this client now, by one request for each of its sessions.

        Holds that an earlier process with the same session left are included. Raises LeaseLost if it holds none.
        """
        return self._drive(_session.renew_session(self._cfg, self._local.holds()))

    def release_session(self) -> SessionReleased:
        """Release all leases of this client and leave every queue.

        Stop the work first: all its holds end when the request is sent. An acquire that waits gets a new place, at the
        end of the queue. If it raises, each hold is released in the background. After OutcomeUnknown make a new
        client: a late copy of the request would release what this one acquires later.
        """
        holds = self._local.holds()
        try:
            return self._drive(_session.release_session(self._cfg, self._pending, holds))
        finally:
            for claim in self._local.claims_of(holds):
                self._local.leave(claim)

    def break_lease(self, name: str, token: int, *, reason: str, grace: Optional[Seconds] = None) -> Broken:
        """End the hold of another session, for operators. Raises LeaseLost if the token is not current.

        The lease is free after grace; the default is the holder's last deadline. With 0 it is free at once, while the
        holder may still be working. The history shows the reason.
        """
        return self._drive(_admin.break_lease(self._cfg, name, token, reason, grace))

    def request_step_down(
        self, name: str, token: int, *, to: str = "", within: Optional[Seconds] = None
    ) -> StepDownAccepted:
        """Ask a holder to transfer or release its lease, for operators. The hold does not end by it.

        The holder finds the request in ``lease.step_down`` after its next renewal. to is the holder name that should
        get the lease; "": the holder chooses. Raises LeaseLost if the token is not current.
        """
        return self._drive(_admin.request_step_down(self._cfg, name, token, to, within))

    def cluster(self) -> Cluster:
        """Read the cluster as the node that answers sees it. It needs no leader."""
        return self._drive(_reads.cluster(self._cfg))

    def close(self) -> None:
        """Confirm pending releases, for at most 5 s, and close idle connections.

        Leases are not released: release them first.
        """
        self._drive(self._pending.finish(FINISH_TIMEOUT))
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
