"""Seeded mutations of bytes and of JSON values for fuzz tests.

LOCKD_FUZZ=20 runs twenty times as many cases. LOCKD_FUZZ_SEED=7 starts with another case.
"""

from __future__ import annotations

import copy
import json
import os
import random
from typing import Any, Iterator, List, Sequence

FACTOR = int(os.environ.get("LOCKD_FUZZ", "1"))
_TOKENS = [
    b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff", b":", b" ", b"-1", b"0", b"99999999999999999999", b"9" * 5000, b"a" * 700,
    b"HTTP/1.1 100 Continue\r\n\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 3\r\n", b"ffffffffffffffff\r\n",
    b"data: ", b"id: 7\n", b"event: gone\n", b"{", b"}", b"[", b'"', b"\\ud800", b"NaN", b"1e999", b"@", b"//", b"%2", b"[::1]",
]
_VALUES: List[Any] = [
    None, True, 0, -1, 1.5, 2**53, 10**400, "", "x", "\ud800", [], {}, [[]], {"x": 1}, float("nan"), float("inf"), "a" * 300,
]


def cases(runs: int) -> Iterator[random.Random]:
    """Yield a random generator for each case. A failure shows its seed, which LOCKD_FUZZ_SEED repeats."""
    first = int(os.environ.get("LOCKD_FUZZ_SEED", "1"))
    for seed in range(first, first + runs * FACTOR):
        try:
            yield random.Random(seed)
        except GeneratorExit:
            print(f"LOCKD_FUZZ_SEED={seed}")
            raise


def mutated(r: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds after a few random changes."""
    data = bytearray(r.choice(seeds))
    for _ in range(r.choice((0, 1, 1, 2, 4, 8))):
        at = r.randint(0, len(data))
        end = min(len(data), at + r.choice((1, 2, 8, 64)))
        change = r.randrange(6)
        if change == 0:
            data[at:at] = r.choice(_TOKENS)
        elif change == 1:
            del data[at:end]
        elif change == 2:
            data[at:at] = data[at:end] * r.choice((1, 3, 40))
        elif change == 3:
            data[at:] = r.choice(seeds)[r.randint(0, 40) :]
        elif change == 4 and data:
            data[r.randrange(len(data))] = r.randrange(256)
        else:
            del data[at:]
    return bytes(data)


def mutated_json(r: random.Random, seeds: Sequence[Any]) -> bytes:
    """Return the JSON of one of the seeds after changes of its members, and sometimes of its bytes."""
    holder = {"root": copy.deepcopy(r.choice(seeds))}
    for _ in range(r.choice((0, 1, 1, 2, 3))):
        of, key = r.choice(list(_places(holder)))
        if r.random() < 0.2 and of is not holder:
            del of[key]
        else:
            of[key] = copy.deepcopy(r.choice(_VALUES))
    text = json.dumps(holder["root"]).encode()
    return mutated(r, [text]) if r.random() < 0.3 else text


def _places(of: Any) -> Iterator[Any]:
    """Yield each container and key in it."""
    keys: Sequence[Any] = list(of) if isinstance(of, dict) else range(len(of))
    for key in keys:
        yield of, key
        if isinstance(of[key], (dict, list)):
            yield from _places(of[key])
