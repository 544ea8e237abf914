"""Errors that no caller can receive, such as those of a callback."""

from __future__ import annotations

import asyncio
import sys
import threading


def by_thread(error: BaseException) -> None:
    """Call threading's hook, as if the error had ended the thread."""
    try:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread())))
    except Exception as e:
        sys.excepthook(type(e), e, e.__traceback__)


def by_event_loop(error: BaseException) -> None:
    """Call the exception handler of the event loop, or threading's hook if none runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        by_thread(error)
    else:
        loop.call_exception_handler({"message": "lockd: an error that no caller can receive", "exception": error})
