# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What is looked at before streams are saved: the server, the account, which streams, and what cannot go well."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Look
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import read_folder
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._sources import (
    FolderSource,
    ServerStream,
    Source,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _rights
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _content, _selection
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import inventory
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._continuity import Earlier, check_end
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import V2_SINCE, Version

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, StreamInfo

OLDEST: Version = (2, 9, 0)
_OVERHEAD_BYTES = 1 << 20  # of each stream's files, and of what is published meanwhile


@dataclasses.dataclass(frozen=True)
class Preflight(Look):
    """What is known before work starts."""

    content: _content.JetStreamContent  # without its streams
    waves: tuple[tuple[Source, ...], ...]  # what an earlier one holds is saved before what a later one holds
    tool_versions: dict[str, str]


def look_at_server(
    connection: Connection,
    options: t.Mapping[str, t.Any],
    deadline: Deadline,
    warn: t.Callable[[str], None],
    earlier: t.Mapping[str, Earlier],
) -> Preflight:
    """Refuse now what would fail later. Leaves nothing behind. Raises LifeboatError."""
    chosen_by = (options["streams"], options["exclude"])
    with connection.open(deadline) as session:
        if session.server_version < OLDEST:
            raise SourceError(
                f"The NATS server {session.connected_to} is {session.server_version_text}, and backups are taken from "
                "2.9 or later.",
                hint="Update the server.",
            )
        infos = {info.name: info for info in session.streams(lambda name: not _selection.is_meant(name, *chosen_by))}
        nothing = options["allow_empty"] and not infos and not options["streams"]
        names = [] if nothing else _selection.select(infos, *chosen_by, where=f"the account at {session.connected_to}")
        chosen = {name: infos[name] for name in names}
        refuse_leaderless(chosen.values())
        for name, info in chosen.items():
            if name in earlier and name not in options["accept_loss"]:
                check_end(name, earlier[name], info.created, info.config, [info.state])
        account = session.account()
        version, text, where = session.server_version, session.server_version_text, session.connected_to
        named = any(
            (info.cluster or {}).get("name") for info in infos.values()
        )  # a server that is alone names no cluster
        cluster = named if session.is_elsewhere else session.cluster
        _rights.check_backup(session, [name for name, info in chosen.items() if not makes_no_snapshot(info, version)])
        look_at_streams(session, names, options["consumers"], version)
    for warning in (*desync_warnings(chosen.values(), version), *_lost(earlier, infos, chosen_by)):
        warn(warning)
    content = _content.JetStreamContent(
        server_version=text,
        cluster=cluster,
        connected_to=where,
        domain=str(options.get("domain") or ""),
        account=account.raw,
        consumers=options["consumers"],
        streams=(),
        filters={option: list(options[option]) for option in ("streams", "exclude") if options[option]},
        allow_empty=options["allow_empty"],
    )
    idle = parse_duration("idle_timeout", options["idle_timeout"]).total_seconds()
    sources: dict[str, Source] = {
        name: ServerStream(
            connection,
            info,
            options["consumers"],
            export=makes_no_snapshot(info, version),
            idle_seconds=idle,
            accepted=name in options["accept_loss"],
        )
        for name, info in chosen.items()
    }
    configs = {name: info.config for name, info in chosen.items()}
    return _before(content, sources, configs, {"nats-server": text})


def _lost(
    earlier: t.Mapping[str, Earlier], there: t.Container[str], chosen_by: tuple[t.Sequence[str], t.Sequence[str]]
) -> t.Iterator[str]:
    """A warning for each stream of the backup before that is not there: nobody else says that it is less now."""
    for name, known in sorted(earlier.items()):
        if name not in there and _selection.is_meant(name, *chosen_by):
            yield (
                f"The stream {name} was {known.when}, and is not in the account any more. If it should be there, "
                "restore it from that backup (state: restored), and hold the backup until then (backup_hold)."
            )


def look_at_streams(session: Session, names: t.Iterable[str], consumers: str, version: Version) -> None:
    """Ask of each stream what its backup will ask, so that a missing right is found by check mode, too. Raises
    MissingPermissionError, and SourceError for consumers that a snapshot cannot hold and that are required.
    """
    for name in names:
        session.stream(name)
        if consumers == "ignore":
            continue
        found = inventory(one.raw for one in session.consumers(name))
        lost = [one.name for one in found if one.durable and one.config.get("mem_storage")]
        if consumers == "require" and lost and version < V2_SINCE:
            raise SourceError(
                f"The snapshot of the stream {name} would lack these consumers: {', '.join(lost)}. This server leaves "
                "out those that are kept in memory, and consumers: require was given.",
                hint="Set consumers: rebuild, so that a restore makes them again where they stood, or keep them in "
                "files. Nothing has been done.",
            )


def look_at_folder(options: t.Mapping[str, t.Any]) -> Preflight:
    """The same for a folder that the command line has written."""
    folder = read_folder(options["from_folder"])
    found = {stream.name: stream for stream in folder.streams}
    chosen_by = (options["streams"], options["exclude"])
    broken = {name: why for name, why in folder.broken.items() if _selection.is_meant(name, *chosen_by)}
    names = [
        name for name in _selection.select({*found, *broken}, *chosen_by, where=options["from_folder"]) if name in found
    ]
    if not names:
        raise DamagedError(f"No stream of {options['from_folder']} is whole. {next(iter(broken.values()))}")
    content = _content.JetStreamContent(
        server_version="unknown",
        cluster=False,
        connected_to="",
        domain="",
        account={},
        consumers="ignore",
        streams=(),
        filters={option: list(options[option]) for option in ("streams", "exclude") if options[option]},
        left_out=broken,
    )
    sources: dict[str, Source] = {name: FolderSource(found[name]) for name in names}
    return _before(content, sources, {name: found[name].config for name in names}, {})


def _before(
    content: _content.JetStreamContent,
    sources: t.Mapping[str, Source],
    configs: t.Mapping[str, t.Mapping[str, t.Any]],
    tool_versions: dict[str, str],
) -> Preflight:
    waves = tuple(tuple(sources[name] for name in wave) for wave in _selection.downstream_first(configs))
    needed = sum(source.estimated_bytes + _OVERHEAD_BYTES for source in sources.values())
    return Preflight(needed, content, waves, tool_versions)


def makes_no_snapshot(info: StreamInfo, version: Version) -> bool:
    """Servers before 2.15 make none of a stream that they keep in memory (``snapshot failed: no impl``)."""
    return info.config.get("storage") == "memory" and version < V2_SINCE


def refuse_leaderless(infos: t.Iterable[StreamInfo]) -> None:
    """Raise SourceError for streams that have no leader: nobody would answer."""
    names = [info.name for info in infos if (info.cluster or {}).get("replicas") and not info.leader]
    if names:
        raise SourceError(
            f"{'These streams have' if len(names) > 1 else 'This stream has'} no leader, so they cannot be saved: "
            f"{', '.join(names)}.",
            hint="Look at the servers of its cluster (nats stream info), or exclude it. Nothing has been done.",
        )


def desync_warnings(infos: t.Iterable[StreamInfo], version: Version) -> list[str]:
    """On servers before 2.11.12 and 2.12.3, a deletion during the snapshot of a replicated stream may leave its
    replicas different.
    """
    if version >= (2, 12, 3) or (2, 11, 12) <= version < (2, 12, 0):
        return []
    replicated = sorted(info.name for info in infos if int(info.config.get("num_replicas") or 1) > 1)
    if not replicated:
        return []
    return [
        f"This server is {'.'.join(map(str, version))}. Before 2.11.12 and 2.12.3, messages that are deleted during a "
        "snapshot may leave "
        "the replicas of a stream different from each other. Update it, or do not delete from "
        f"{', '.join(replicated)} during a backup."
    ]
