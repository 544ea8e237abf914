"""The state of the cluster, as one node sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ._validate import Json, Malformed, listed, members, seconds_at, text_at, whole


@dataclass(frozen=True)
class NodeStatus:
    """The node that answered."""

    id: str
    name: str
    http: str  # its address for clients
    peer: str  # its address for nodes
    state: str  # leader, follower, candidate or fresh
    version: str  # of lockd
    entry_version: int  # the newest version of log entries that it reads

    @staticmethod
    def of(raw: Any) -> NodeStatus:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return NodeStatus(
            text_at(raw, "id"), text_at(raw, "name"), text_at(raw, "http"), text_at(raw, "peer"),
            text_at(raw, "state"), text_at(raw, "version"), whole(raw, "entry_version"),
        )


@dataclass(frozen=True)
class Node:
    """One member of the cluster."""

    id: str  # its name and an incarnation
    name: str
    http: str
    peer: str
    voter: bool
    leader: bool
    entry_version: int
    last_contact: Optional[float]  # seconds since the last contact with the member; None: not known

    @staticmethod
    def of(raw: Any) -> Node:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return Node(
            text_at(raw, "id"), text_at(raw, "name"), text_at(raw, "http"), text_at(raw, "peer"),
            _flag(raw, "voter"), _flag(raw, "leader"), whole(raw, "entry_version"), seconds_at(raw, "last_contact_ms"),
        )


@dataclass(frozen=True)
class Cluster:
    """The cluster as one node sees it."""

    id: str  # "" before the cluster is bootstrapped
    node: NodeStatus
    leader: str  # its name; "" if the node knows none
    term: int
    revision: int
    applied_index: int
    last_log_term: int
    last_log_index: int
    nodes: tuple[Node, ...]

    @staticmethod
    def of(raw: Any) -> Cluster:
        """Read it from JSON. Raises Malformed."""
        raw = members(raw)
        return Cluster(
            text_at(raw, "cluster_id"), NodeStatus.of(raw.get("node")), text_at(raw, "leader"), whole(raw, "term"),
            whole(raw, "revision"), whole(raw, "applied_index"), whole(raw, "last_log_term"),
            whole(raw, "last_log_index"), tuple(Node.of(n) for n in listed(raw, "nodes")),
        )


def _flag(of: Json, key: str) -> bool:
    value = of.get(key, False)
    if not isinstance(value, bool):
        raise Malformed(f"{key} is not a boolean")
    return value
