# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""What the JetStream API tells, as it tells it: the raw JSON is kept, because a typed copy would lose the keys of newer
servers.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    NoAnswerError,
    ServerError,
)

T = t.TypeVar("T", bound="dict[str, t.Any] | list[t.Any]")
_NOTHING: dict[str, t.Any] = {}
_NONE: list[t.Any] = []
_STATE = ("messages", "bytes", "first_seq", "last_seq")
_CONFIG = ("max_age", "max_msgs", "max_bytes", "max_msgs_per_subject", "num_replicas", "first_seq")
_KINDS = (("KV_", "kv"), ("OBJ_", "object_store"))
_MOST_PAGES = 100_000


@dataclasses.dataclass(frozen=True)
class AccountInfo:
    """JetStream in one account. Sizes in bytes; a limit of -1 is none."""

    memory: int
    storage: int
    streams: int
    consumers: int
    max_memory: int
    max_storage: int
    max_streams: int
    max_consumers: int
    domain: str
    raw: dict[str, t.Any]

    @classmethod
    def from_answer(cls, raw: dict[str, t.Any]) -> AccountInfo:
        """From ``$JS.API.INFO``.

        An account whose limits are by tier (R1, R3) shows the sums of what it uses, and no limit here.
        """
        limits = _part(raw, "limits", _NOTHING)
        return cls(
            memory=_number(raw, "memory"),
            storage=_number(raw, "storage"),
            streams=_number(raw, "streams"),
            consumers=_number(raw, "consumers"),
            max_memory=_limit(limits, "max_memory"),
            max_storage=_limit(limits, "max_storage"),
            max_streams=_limit(limits, "max_streams"),
            max_consumers=_limit(limits, "max_consumers"),
            domain=str(raw.get("domain") or ""),
            raw=raw,
        )


class StreamInfo:
    """One stream, as STREAM.INFO and STREAM.LIST have it."""

    def __init__(self, raw: dict[str, t.Any]) -> None:
        self.raw = raw
        self.config: dict[str, t.Any] = _part(raw, "config", _NOTHING)
        self.state: dict[str, t.Any] = _part(raw, "state", _NOTHING)
        self.created = str(raw.get("created") or "")
        self.cluster: dict[str, t.Any] | None = _part(raw, "cluster", _NOTHING) or None
        self.mirror: dict[str, t.Any] | None = _part(raw, "mirror", _NOTHING) or None
        self.sources: list[dict[str, t.Any]] = _part(raw, "sources", _NONE)
        self.name = str(self.config.get("name") or "")
        for part, keys in ((self.state, _STATE), (self.config, _CONFIG)):
            for key in keys:
                _number(part, key)
        for replica in _part(self.cluster or {}, "replicas", _NONE):
            _part({"replica": replica}, "replica", _NOTHING)

    @property
    def kind(self) -> str:
        """``stream``, or ``kv`` or ``object_store`` by the prefix of the name."""
        return next((kind for prefix, kind in _KINDS if self.name.startswith(prefix)), "stream")

    @property
    def bucket(self) -> str:
        """The bucket's name; empty for a plain stream."""
        return next((self.name[len(prefix) :] for prefix, _kind in _KINDS if self.name.startswith(prefix)), "")

    @property
    def leader(self) -> str:
        """The name of the server that leads it; empty when there is none, or when this is no cluster."""
        return str((self.cluster or {}).get("leader") or "")


class ConsumerInfo:
    """One consumer, as CONSUMER.INFO and CONSUMER.LIST have it."""

    def __init__(self, raw: dict[str, t.Any]) -> None:
        self.raw = raw
        self.name = str(_part({"consumer": raw}, "consumer", _NOTHING).get("name") or "")
        self.stream = str(raw.get("stream_name") or "")
        self.config: dict[str, t.Any] = _part(raw, "config", _NOTHING)
        self.delivered: dict[str, t.Any] = _part(raw, "delivered", _NOTHING)
        self.ack_floor: dict[str, t.Any] = _part(raw, "ack_floor", _NOTHING)
        self.cluster: dict[str, t.Any] | None = _part(raw, "cluster", _NOTHING) or None
        for part in (self.delivered, self.ack_floor):
            for key in ("consumer_seq", "stream_seq"):
                _number(part, key)


class Ask(t.Protocol):
    """How a page is asked for: ``Session.api``."""

    def __call__(self, verb: str, body: t.Mapping[str, t.Any] | None = None, *, what: str = "") -> dict[str, t.Any]: ...


def paged(
    ask: Ask, verb: str, field: str, what: str = "", without: t.Callable[[str], bool] = lambda name: False
) -> t.Iterator[t.Any]:
    """All entries of a list, however many pages the server makes of it (256 streams or consumers, 1024 names:
    ``JSApiListLimit``).

    Raises NoAnswerError when the server says that it does not know about some (``missing``) that are not ``without``.
    """
    offset = 0
    for _page in range(_MOST_PAGES):
        answer = ask(verb, {"offset": offset}, what=what or verb)
        entries = _part(answer, field, _NONE)
        unknown = [str(name) for name in _part(answer, "missing", _NONE)]
        missing = [name for name in unknown if not without(name)]
        if missing:
            names = ", ".join(missing[:10])
            raise NoAnswerError(
                f"{what or verb}: the servers that hold these did not answer: {names}.",
                hint=(
                    "A list with holes would make a backup with holes. Bring the servers back, or exclude these by "
                    "name."
                ),
                transient=True,
                details={"missing": missing},
            )
        yield from entries
        offset += len(entries) + len(unknown)
        if not (entries or unknown) or offset >= _number(answer, "total"):
            return


def _limit(limits: t.Mapping[str, t.Any], name: str) -> int:
    return -1 if limits.get(name) is None else _number(limits, name)


def _part(raw: t.Any, key: str, empty: T) -> T:
    """A part of an answer; ``empty`` where there is none. Raises ServerError for what is of another kind."""
    value = raw.get(key) if isinstance(raw, dict) else raw
    if value is None:
        return t.cast(T, type(empty)())
    if not isinstance(value, type(empty)):
        raise _odd(key, value)
    return value


def _number(part: t.Mapping[str, t.Any], key: str) -> int:
    value = part.get(key)
    if value is None:
        return 0
    if not isinstance(value, int):
        raise _odd(key, value)
    return value


def _odd(key: str, value: t.Any) -> ServerError:
    return ServerError(
        f"The NATS server answered with {key} of {str(value)[:60]!r}, which is not what a server says there.",
        hint="Check that the address is that of a NATS server with JetStream.",
    )
