"""A timeout for an awaitable."""

from __future__ import annotations

import asyncio
from typing import Awaitable, Optional, TypeVar

R = TypeVar("R")


async def within(awaitable: Awaitable[R], seconds: Optional[float]) -> R:
    """Wait at most so many seconds. Unlike asyncio.wait_for before Python 3.12, it loses no cancellation."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if task.done() and not task.cancelled():
            task.exception()  # so that asyncio does not report it as never retrieved
        task.cancel()
