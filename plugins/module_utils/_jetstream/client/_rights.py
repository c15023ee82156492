# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Asks whether a user may do what the work needs, before the work: each request is one that the server refuses for its
empty body.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    MissingPermissionError,
    ServerError,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session

_SECONDS = 3.0


def check_backup(session: Session, streams: t.Iterable[str]) -> None:
    """Raise MissingPermissionError, naming the grant, when a snapshot of one of these could not be asked for or
    acknowledged.
    """
    for stream in streams:
        _ask(session, f"STREAM.SNAPSHOT.{stream}")
        session.channel.publish(f"$JS.SNAPSHOT.ACK.{stream}.lifeboat.0.0".encode())
    session.round_trip()  # what was refused has been told by then


def check_restore(session: Session, streams: t.Mapping[str, t.Sequence[str]]) -> None:
    """The same for restoring streams, and for making some of their consumers.

    A permission to delete cannot be tried without deleting.
    """
    for stream, consumers in streams.items():
        _ask(session, f"STREAM.RESTORE.{stream}")
        _ask(session, f"STREAM.UPDATE.{stream}")
        for consumer in consumers:
            _ask(session, f"CONSUMER.CREATE.{stream}.{consumer}")
        session.channel.publish(f"$JS.SNAPSHOT.RESTORE.{stream}.lifeboat".encode())
    session.round_trip()


def _ask(session: Session, verb: str) -> None:
    try:
        session.api(verb, timeout=_SECONDS)
    except MissingPermissionError:
        raise
    except ServerError:
        pass  # it may ask, and asked for nothing
