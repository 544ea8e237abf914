"""A time limit for what asyncio awaits."""

from __future__ import annotations

import asyncio
from typing import Awaitable, Optional, TypeVar

R = TypeVar("R")


async def within(of: Awaitable[R], seconds: Optional[float]) -> R:
    """Wait so long, as asyncio.wait_for does; that of Python 3.11 and older may swallow a cancellation."""
    task = asyncio.ensure_future(of)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if task.done() and not task.cancelled():
            task.exception()  # or it would be reported as one that nobody has seen
        task.cancel()
