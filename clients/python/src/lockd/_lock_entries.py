"""The threads or tasks that have entered one lock."""

from __future__ import annotations

from typing import Generic, Optional, TypeVar

L = TypeVar("L")


class LockEntries(Generic[L]):
    """The leases of the entries of one lock, in order.

    It has no lock of its own, because that could stay locked in a forked child. Each change is one operation on a list.
    """

    def __init__(self) -> None:
        self._all: list[tuple[object, L]] = []

    def add(self, by: object, lease: L) -> None:
        """Note that a thread or a task has entered the lock."""
        self._all.append((by, lease))

    def leases(self) -> list[L]:
        """Return the leases of all entries."""
        return [lease for _, lease in self._all]

    def get(self, by: object) -> Optional[L]:
        """Return the lease of the caller's last entry. If it has none, return that of the only entry of the lock."""
        entry = self._find(by, list(self._all))
        return None if entry is None else entry[1]

    def pop(self, by: object) -> L:
        """Remove the entry that get finds, and return its lease. Raises RuntimeError if get finds none."""
        while True:
            entries = list(self._all)
            entry = self._find(by, entries)
            if not entries:
                raise RuntimeError("release of a lock that is not acquired")
            if entry is None:
                raise RuntimeError(
                    f"{len(entries)} other threads or tasks have entered this lock, and the caller has not; leave it "
                    "in the one that entered it, or make a lock for each by client.lock(...)"
                )
            try:
                self._all.remove(entry)
            except ValueError:
                continue  # another thread has removed it
            return entry[1]

    def _find(self, by: object, entries: list[tuple[object, L]]) -> Optional[tuple[object, L]]:
        own = [entry for entry in entries if entry[0] is by]
        if own:
            return own[-1]
        return entries[0] if len(entries) == 1 else None
