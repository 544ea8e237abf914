"""Where an error goes that nobody waits for."""

from __future__ import annotations

import sys
import threading


def by_thread(error: BaseException) -> None:
    """Tell threading's hook, as if the error had ended the thread."""
    try:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread())))
    except Exception as e:
        sys.excepthook(type(e), e, e.__traceback__)
