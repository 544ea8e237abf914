"""Validation of answers: a proxy may send other JSON, or none, with a status of 200."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional, Sequence

from ._config import MAX_TTL

MAX_INTEGER = 2**53 - 1  # the largest integer that every client language represents exactly

Json = Mapping[str, Any]


class Malformed(ValueError):
    """JSON that does not have the form of the contract."""


class _Ambiguous(dict[str, Any]):
    """An object that has a member twice. That is an error except inside meta, whose form its writer decides."""


def parsed(raw: "bytes | str") -> Any:
    """Parse JSON. Raises ValueError or RecursionError."""
    return json.loads(raw, object_pairs_hook=_object, parse_constant=_refuse_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Ambiguous(found)


def _refuse_constant(constant: str) -> Any:
    raise Malformed(f"{constant} is not JSON")


def members(raw: Any) -> Json:
    """Return the members of an object."""
    if not isinstance(raw, dict):
        raise Malformed("it is not an object")
    if isinstance(raw, _Ambiguous):
        raise Malformed("a member is there twice")
    return raw


def members_at(of: Json, key: str) -> Optional[Json]:
    """Return the members of an object in a member; None if it is absent."""
    return None if of.get(key) is None else members(of[key])


def listed(of: Json, key: str, needed: bool = True) -> Sequence[Any]:
    """Return the elements of a list; none if it is absent and not needed."""
    raw = of.get(key)
    if raw is None and not needed:
        return ()
    if not isinstance(raw, list):
        raise Malformed(f"{key} is not a list")
    return raw


def text_at(of: Json, key: str, needed: bool = False) -> str:
    """Return a text; "" if it is absent and not needed."""
    raw = of.get(key)
    if raw is None and not needed:
        return ""
    if not isinstance(raw, str) or needed and not raw:
        raise Malformed(f"{key} is not a text")
    raw.encode()  # raises a ValueError if it has a lone surrogate, which no request could send
    return raw


def _integer(of: Json, key: str) -> Optional[int]:
    raw = of.get(key)
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw <= MAX_INTEGER:
        raise Malformed(f"{key} is not an integer from 0 to {MAX_INTEGER}")
    return raw


def whole(of: Json, key: str, absent: int = 0) -> int:
    """Return an integer; absent if there is none."""
    n = _integer(of, key)
    return absent if n is None else n


def at_least_one(of: Json, key: str) -> int:
    """Return an integer of at least 1 that is required, such as a token."""
    n = whole(of, key)
    if n < 1:
        raise Malformed(f"{key} is missing")
    return n


def seconds_at(of: Json, key: str) -> Optional[float]:
    """Return a duration in seconds; None if it is absent."""
    ms = _integer(of, key)
    return None if ms is None else ms / 1000


def promised(of: Json, key: str, needed: bool = True) -> float:
    """Return a duration from which a deadline is computed. It is at most the longest TTL."""
    s = seconds_at(of, key)
    if s is None and needed or s is not None and s > MAX_TTL:
        raise Malformed(f"{key} is not a duration of a lease")
    return s or 0.0


def ttl_at(of: Json, key: str) -> float:
    """Return a TTL. It is never 0."""
    ttl = promised(of, key)
    if ttl <= 0:
        raise Malformed(f"{key} is 0")
    return ttl
