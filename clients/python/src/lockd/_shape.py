"""The form of what nodes tell: a proxy may answer something else with a 200."""

from __future__ import annotations

import math
from typing import Any, Mapping, Optional, Sequence

from ._config import MAX_TTL

Json = Mapping[str, Any]


class Malformed(ValueError):
    """JSON of another form than it must have."""


def members(raw: Any) -> Json:
    """Return an object's."""
    if not isinstance(raw, dict):
        raise Malformed("no object")
    return raw


def members_at(of: Json, key: str) -> Optional[Json]:
    """Return a member's; None where it is absent."""
    return None if of.get(key) is None else members(of[key])


def listed(of: Json, key: str, needed: bool = True) -> Sequence[Any]:
    """Return the elements of a list."""
    raw = of.get(key)
    if raw is None and not needed:
        return ()
    if not isinstance(raw, list):
        raise Malformed(f"{key} is no list")
    return raw


def text_at(of: Json, key: str, needed: bool = False) -> str:
    """Return a text; "" where it is absent and need not be there."""
    raw = of.get(key)
    if raw is None and not needed:
        return ""
    if not isinstance(raw, str) or needed and not raw:
        raise Malformed(f"{key} is no text")
    return raw


def _number(of: Json, key: str) -> Optional[float]:
    raw = of.get(key)
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw) or raw < 0:
        raise Malformed(f"{key} is no number from 0")
    return raw


def whole(of: Json, key: str, absent: int = 0) -> int:
    """Return a whole number."""
    n = _number(of, key)
    if n is not None and n != int(n):
        raise Malformed(f"{key} is no whole number")
    return absent if n is None else int(n)


def at_least_one(of: Json, key: str) -> int:
    """Return a whole number that must be there, as a token."""
    n = whole(of, key)
    if n < 1:
        raise Malformed(f"{key} is missing")
    return n


def seconds_at(of: Json, key: str) -> Optional[float]:
    """Return a duration in seconds."""
    ms = _number(of, key)
    return None if ms is None else ms / 1000


def promised(of: Json, key: str, needed: bool = True) -> float:
    """Return a duration of which a deadline is made: none is longer than a TTL may be."""
    s = seconds_at(of, key)
    if s is None and needed or s is not None and s > MAX_TTL:
        raise Malformed(f"{key} is no duration of a lease")
    return s or 0.0


def ttl_at(of: Json, key: str) -> float:
    """Return a TTL: it is never nothing."""
    ttl = promised(of, key)
    if ttl <= 0:
        raise Malformed(f"{key} is nothing")
    return ttl
