"""Messages of a text/event-stream, and what a watch makes of them. No I/O."""

from __future__ import annotations

import json
from typing import NamedTuple, Optional
from urllib.parse import urlencode

from ._clock import between
from ._config import Config
from ._errors import Gone, LockdError, OutcomeUnknown, Unavailable, error_of, problem_of
from ._model import Event
from ._rounds import MAX_PAUSE, MIN_PAUSE, jitter

MAX_SILENCE = 30.0  # a stream that says nothing for so long is dead: a node says something every 10 s
MAX_LINE = 16 << 20


class Message(NamedTuple):
    """One message; all empty: a comment, which shows that the stream lives."""

    ident: str
    event: str
    data: str


class Parser:
    """Takes lines, gives messages."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def line(self, raw: bytes) -> Optional[Message]:
        """Take one line without its end."""
        if len(raw) > MAX_LINE:
            raise Unavailable("a line of the stream is too long")
        text = raw.decode("utf-8", "replace")
        if text.startswith(":"):
            return Message("", "", "")
        if text == "":
            f, self._fields = self._fields, {}
            return Message(f.get("id", ""), f.get("event", ""), f.get("data", "")) if f else None
        name, _, value = text.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "data" and "data" in self._fields:
            value = self._fields["data"] + "\n" + value
        self._fields[name] = value
        return None


class Watch:
    """Where a watch stands, over however many connections."""

    def __init__(self, cfg: Config, name: str, prefix: Optional[str], after: int) -> None:
        if bool(name) == (prefix is not None):
            raise ValueError("watch one name, or a prefix; \"\" is the prefix of all")
        self._cfg = cfg
        self._what = {"name": name} if name else {"prefix": prefix or ""}
        self.after = after
        self._start = cfg.clock()
        self._next = cfg.last
        self._begun = False
        self._failed = 0

    @property
    def to(self) -> int:
        """The number of the address to connect to."""
        return self._next % len(self._cfg.addresses)

    @property
    def path(self) -> str:
        """What to ask for."""
        query = {k: v for k, v in self._what.items() if v}
        if self.after:
            query["after"] = str(self.after)
        return "/v1/watch" + ("?" + urlencode(query) if query else "")

    def take(self, m: Message) -> Optional[Event]:
        """Take a message. The states of a beginning are no point to resume from."""
        try:
            event = Event.of(m.event, m.ident, json.loads(m.data) if m.data else {})
        except (ValueError, RecursionError) as e:
            raise Unavailable(f"a message of the stream cannot be read: {e}") from e
        self._begun, self._failed = True, 0
        if event.type == "":
            return None
        if event.type == "gone":
            p = problem_of(410, "", m.data.encode())
            raise Gone(p, p)
        if event.type != "state":
            self.after = max(self.after, event.revision)
        return None if event.type == "mark" else event

    def refused(self, status: int, retry_after: str, body: bytes) -> LockdError:
        """Return what an answer is that is no stream."""
        error = error_of(problem_of(status, retry_after, body))
        return Unavailable(error, error.problem) if isinstance(error, OutcomeUnknown) else error

    def broken(self, error: LockdError) -> float:
        """Return how long to pause before the next address, or raise what ends the watch."""
        if not isinstance(error, Unavailable):
            raise error
        self._next += 1
        self._failed += 1
        rounds = self._failed // len(self._cfg.addresses)
        if not self._begun and rounds > 0 and between(self._start, self._cfg.clock()) >= self._cfg.retry_for:
            raise error
        return jitter(min(MIN_PAUSE * 2 ** min(rounds, 5), MAX_PAUSE))


