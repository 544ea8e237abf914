"""The streams of a watch, read by the caller's thread."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Iterator, Optional

from ._errors import LockdError, Unavailable
from ._event import Event
from ._transport import Connection, Transport, read
from ._watch import MAX_EVENT, MAX_SILENCE, Parser, Watch


def events(transport: Transport, watch: Watch) -> Iterator[Event]:
    """Yield the events of a watch. It continues at the next address when a stream breaks."""
    pause = threading.Event()
    while True:
        try:
            yield from _stream(transport, watch)
            raise Unavailable("the stream ended")
        except LockdError as e:
            pause.wait(watch.broken(e))


def _stream(transport: Transport, watch: Watch) -> Iterator[Event]:
    connection: Optional[Connection] = None
    try:
        connection = transport.connect(watch.to, time.monotonic() + MAX_SILENCE, MAX_SILENCE)
        headers = transport.headers("text/event-stream", watch.token())
        connection.request("GET", transport.target(watch.to, watch.path), headers=headers)
        answer = connection.getresponse()
        watch.answered()
        if answer.status != 200:
            raise watch.refused(answer.status, answer.getheader("Retry-After", ""), read(answer))
        parser = Parser()
        while True:
            line = answer.readline(MAX_EVENT + 2)
            if not line.endswith(b"\n"):
                parser.check_size(len(line))
                return
            message = parser.line(line.rstrip(b"\r\n"))
            event = watch.event_of(message) if message is not None else None
            if event is not None:
                yield event
            if message is not None:
                connection.until(time.monotonic() + MAX_SILENCE)
    except (OSError, http.client.HTTPException) as e:
        raise Unavailable(f"the stream broke: {e}") from e
    finally:
        if connection is not None:
            connection.close()
