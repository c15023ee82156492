# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What comes after the messages of a restored stream: its consumers, and the replicas that are still fetching the
messages.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    MissingPermissionError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _sources, _time_to_live
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import rebuilt

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, StreamInfo
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Consumer
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan

_CONSUMERS_SECONDS = 30.0
_POLL_SECONDS = 0.1
_STEADY_SECONDS = 1.0
_SOURCES_SECONDS = 3.0
_UNDER_WAY_BYTES = (
    64 << 20
)  # what a leader has sent to its replicas at most, and not heard of (server/jetstream_cluster.go)
_UNDER_WAY_BYTES_PER_SECOND = 32 << 20

Sleep = t.Callable[[float], None]


def missing_consumers(session: Session, plan: Plan, sleep: Sleep, warn: t.Callable[[str], None]) -> list[Consumer]:
    """The consumers that have to be made. Waits for those in the archive, which a cluster makes one by one."""
    stream = plan.stream
    durable = {consumer.name: consumer for consumer in stream.consumers if consumer.durable}
    awaited = {consumer for consumer in stream.archived_consumers if not stream.consumers or consumer in durable}
    until = time.monotonic() + _CONSUMERS_SECONDS
    while awaited - (there := _consumers_there(session, plan.name, sleep)) and time.monotonic() < until:
        sleep(_POLL_SECONDS)
    for lost in sorted(awaited - there - set(durable)):
        warn(f"The consumer {lost} of {plan.name} is in the archive, and did not come back.")
    return [consumer for consumer in durable.values() if consumer.name not in there]


def _consumers_there(session: Session, name: str, sleep: Sleep) -> set[str]:
    """A cluster that is still making them may not answer for all of them."""
    for _attempt in range(int(_CONSUMERS_SECONDS / _POLL_SECONDS)):
        try:
            return {one.name for one in session.consumers(name)}
        except ServerError as error:
            if not error.transient:
                raise
            sleep(_POLL_SECONDS)
    return {one.name for one in session.consumers(name)}


def make(session: Session, plan: Plan, consumer: Consumer) -> None:
    """Make one again, where it stood. Raises LifeboatError; the stream stays, and says that a consumer is missing."""
    try:
        session.create_consumer(plan.name, rebuilt(consumer, str(plan.stream.config.get("retention", "limits"))))
    except ServerError as error:
        grant = f"{error.hint.partition(' Nothing')[0]} " if isinstance(error, MissingPermissionError) else ""
        raise LifeboatError(
            f"{plan.name} is restored with all messages, but its consumer {consumer.name} could not be made again. "
            f"{error.message}",
            hint=(
                f"{grant}Run the same task again when that is fixed: it makes the missing consumers, and restores "
                "nothing twice."
            ),
            details=error.details,
        ) from None


def warn_of_more(session: Session, plan: Plan, sleep: Sleep, warn: t.Callable[[str], None]) -> None:
    """Servers of 2.15 let a restored stream take all messages of its sources again (2.15.1; 2.14 does not)."""
    until = time.monotonic() + _SOURCES_SECONDS
    while True:
        info = session.stream(plan.name)
        more = 0 if info is None else int(info.state.get("last_seq") or 0) - plan.stream.last_sequence
        if more > 0:
            break
        if time.monotonic() > until:
            return
        sleep(_POLL_SECONDS)
    warn(
        f"{plan.name} has {more} messages beyond the last one of the backup ({plan.stream.last_sequence}), and more "
        "may follow: this server takes what its sources hold once more, also what the stream has. To prevent that, "
        f"restore it with config: {{{plan.stream.name}: {{sources: null}}}}, and set its sources afterwards, each with "
        "an opt_start_seq behind the last message that was taken from it."
    )


def with_continued_sources(plan: Plan, pieces: t.Iterator[bytes], warn: t.Callable[[str], None]) -> Plan:
    """The plan, with sources that go on where the archive ends. Raises DamagedError."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import all_messages

    try:
        last = _sources.taken(all_messages(pieces, plan.stream.name))
    finally:
        close(pieces)
    sources = _sources.continued(plan.wanted["sources"], last)
    places = [f"{one['name']} from message {one['opt_start_seq']} on" for one in sources if "opt_start_seq" in one]
    if places:
        warn(
            f"{plan.name} takes from its sources what it does not have: {', '.join(places)} (opt_start_seq). A source "
            "whose sequences have begun anew since the backup needs a lower one."
        )
    return dataclasses.replace(plan, wanted={**plan.wanted, "sources": sources})


def outlived(plan: Plan, open_pieces: t.Callable[[], t.Iterator[bytes]]) -> int:
    """How many messages of an archive have outlived their own time to live, which a server drops as it restores them.

    Raises DamagedError.
    """
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages

    messages = read_messages(open_pieces, plan.stream.name)
    return sum(1 for _sequence in _time_to_live.outlived(messages, time.time_ns()))


def wait_for_replicas(session: Session, plan: Plan, sleep: Sleep, seconds: float, *, just_restored: bool) -> None:
    """The server answers when the leader has the messages; the others fetch them. Raises LifeboatError when that takes
    too long.

    The leader calls a replica current as soon as it has sent the last message, and also before the replica has begun to
    fetch. A leader that is lost then takes the messages with it (seen on 2.14.6 and 2.15.1). So all have to be current
    for as long as what is under way may take.
    """
    began = steady_since = time.monotonic()
    steady_seconds = (
        _STEADY_SECONDS + min(plan.stream.bytes, _UNDER_WAY_BYTES) / _UNDER_WAY_BYTES_PER_SECOND
        if just_restored
        else 0.0
    )
    while True:
        info = session.stream(plan.name)
        late = [] if info is None else not_current(info)
        now = time.monotonic()
        if late:
            steady_since, steady_seconds = now, max(steady_seconds, _STEADY_SECONDS)
        if (
            info is None
            or int(info.config.get("num_replicas") or 1) < 2
            or (not late and now - steady_since >= steady_seconds)
        ):
            return
        if late and now > began + seconds:
            raise LifeboatError(
                f"{plan.name} is restored, but not all of its replicas are current: {', '.join(late)}.",
                hint=(
                    "Run the same task again to wait for them (nothing is restored a second time), or raise "
                    "replicas_timeout."
                ),
            )
        sleep(_POLL_SECONDS)


def not_current(info: StreamInfo) -> list[str]:
    """The replicas that are not there or not current; a word for it where there is no leader."""
    wanted = int(info.config.get("num_replicas") or 1)
    if wanted < 2:
        return []
    cluster = info.cluster or {}
    replicas = cluster.get("replicas") or []
    late = [str(replica.get("name")) for replica in replicas if replica.get("offline") or not replica.get("current")]
    if not cluster.get("leader"):
        late.append("no leader")
    if len(replicas) < wanted - 1:
        late.append(f"{wanted - 1 - len(replicas)} not there yet")
    return late
