"""The options of an acquire, and their validation before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional

from ._config import DEFAULT_TTL, Config, Seconds, ms, seconds
from ._names import check_name
from ._retry import encoded

MAX_LIMIT, MAX_PRIORITY, MAX_DELAY, MAX_META = 1024, 100, 60.0, 4096


@dataclass(frozen=True)
class AcquireOptions:
    """The options of an acquire. Durations are in seconds."""

    name: str
    ttl: float = DEFAULT_TTL
    limit: int = 1
    delay: float = 0.0
    priority: int = 0
    meta: Optional[Mapping[str, Any]] = None
    reclaim: bool = False

    @staticmethod
    def of(
        cfg: Config, name: str, ttl: Seconds, limit: int, delay: Seconds, priority: int,
        meta: Optional[Mapping[str, Any]], reclaim: bool,
    ) -> AcquireOptions:
        """Check the options before anything is sent. Raises ValueError."""
        options = AcquireOptions(name, seconds(ttl), limit, seconds(delay), priority, checked_meta(meta), bool(reclaim))
        check_name(name)
        cfg.check_ttl(options.ttl)
        check_integer("limit", limit, 1, MAX_LIMIT)
        check_seconds("delay", options.delay, MAX_DELAY)
        check_integer("priority", priority, -MAX_PRIORITY, MAX_PRIORITY)
        return options

    def body(self, holder: str, session: str, attempt: str, wait: float) -> Mapping[str, Any]:
        """Return the body of a request. It omits the members that have their default."""
        body: dict[str, Any] = {"holder": holder, "session": session, "attempt": attempt, "ttl_ms": ms(self.ttl)}
        optional = {
            "wait_ms": ms(wait), "limit": self.limit if self.limit != 1 else None, "delay_ms": ms(self.delay),
            "priority": self.priority, "meta": self.meta, "reclaim": self.reclaim,
        }
        body.update({k: v for k, v in optional.items() if v})
        return body


def check_integer(name: str, value: int, least: int, most: int) -> None:
    """Raise ValueError if a parameter is not an integer in these bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be an integer from {least} to {most}, not {value!r}")


def check_seconds(name: str, value: float, most: float) -> None:
    """Raise ValueError if a parameter is not a duration in these bounds."""
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be from 0 to {most:g} seconds, not {value:g}")


def checked_meta(meta: Optional[Mapping[str, Any]]) -> Optional[dict[str, Any]]:
    """Return meta as a dict. Raises ValueError if it is not a JSON object, or too large."""
    if meta is None:
        return None
    if not isinstance(meta, Mapping):
        raise ValueError(f"meta must be a mapping, not {type(meta).__name__}")
    try:
        size = len(encoded(dict(meta)))
    except (TypeError, ValueError, RecursionError) as e:
        raise ValueError(f"meta must have only JSON types: {e}") from None
    if size > MAX_META:
        raise ValueError(f"meta must have at most {MAX_META} bytes as JSON, not {size}")
    return dict(meta)


def timeout_of(blocking: bool, timeout: Seconds, wait: float) -> float:
    """Return how long a lock waits, from the arguments of threading.Lock.acquire. The default is its own wait."""
    limit = seconds(timeout)
    if not blocking:
        if limit != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0.0
    if limit != -1 and not limit >= 0:
        raise ValueError("timeout value must be a non-negative number")
    return wait if limit == -1 else limit
