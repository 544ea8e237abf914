"""Reads: of a lease, a listing, a token, a history and the cluster. Threads and asyncio drive each of them."""

from __future__ import annotations

from typing import Any, Callable, TypeVar, cast

from ._cluster import Cluster
from ._config import Config
from ._errors import LockdError
from ._event import History
from ._model import Page, State
from ._names import check_name, check_prefix
from ._retry import Operation, get, lease_path, send
from ._validate import Malformed, at_least_one, members

T = TypeVar("T", State, History)


def read(cfg: Config, name: str, stale: bool) -> Operation[State]:
    """Read a lease. A free lease is a state, not an error."""
    return (yield from _read(cfg, name, "", stale, State.of))


def history(cfg: Config, name: str, stale: bool) -> Operation[History]:
    """Read the newest events of a lease."""
    return (yield from _read(cfg, name, "history", stale, History.of))


def _read(cfg: Config, name: str, verb: str, stale: bool, of: Callable[[Any], T]) -> Operation[T]:
    check_name(name)

    def checked(raw: Any) -> T:
        answer = of(raw)
        if answer.name != name:
            raise Malformed("it is about another lease")
        return answer

    query = {"stale": "true"} if stale else None
    answer, _ = yield from send(cfg, get(cfg, lease_path(name, verb), query, checked))
    return cast(T, answer)


def page(cfg: Config, prefix: str, holder: str, cursor: str, stale: bool) -> Operation[Page]:
    """Read one page of the leases that are held, delayed or waited for."""
    check_prefix(prefix)
    query = {"prefix": prefix, "holder": holder, "cursor": cursor, "stale": "true" if stale else ""}
    of, _ = yield from send(cfg, get(cfg, "/v1/leases", {k: v for k, v in query.items() if v}, Page.of))
    return cast(Page, of)


def check(cfg: Config, name: str, token: int) -> Operation[bool]:
    """Report whether a token is current."""
    check_name(name)

    def current(raw: Any) -> bool:
        if at_least_one(members(raw), "token") != token:
            raise Malformed("it is about another hold")
        return True

    try:
        yield from send(cfg, get(cfg, lease_path(name, "check"), {"token": str(token)}, current))
    except LockdError as e:
        if e.problem is not None and e.problem.status == 409:
            return False
        raise
    return True


def cluster(cfg: Config) -> Operation[Cluster]:
    """Read the cluster as the node that answers sees it."""
    of, _ = yield from send(cfg, get(cfg, "/v1/cluster", read=Cluster.of))
    return cast(Cluster, of)
