# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether an archive in a folder is the one that the ``backup.json`` beside it describes.

Files can be exchanged between folders, and nothing in them forbids it: an archive of version 2 does not even know the
name of its stream. So what both say is compared: the name and the configuration (version 1 has them), the bounds of the
sequences, which never go back, the times of the first and the last message to the nanosecond, and the subjects.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._export import nanoseconds
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import all_messages

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import FolderStream
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import ArchiveFacts

_ACTING = ("mirror", "sources", "republish", "subject_transform")  # they give messages other subjects, or take others


def check(stream: FolderStream, facts: ArchiveFacts, warn: t.Callable[[str], None]) -> None:
    """Raise DamagedError when the archive is another stream's, or of another moment. Reads the archive once more."""
    why = _names(stream, facts) or _bounds(stream, facts)
    if not why and facts.messages:
        why = _content(stream, warn)
    if why:
        raise DamagedError(
            f"{stream.path} does not hold the stream {stream.name} that its backup.json describes: {why}.",
            hint="Its files were exchanged or changed. Use another backup of the command line.",
        )


def _names(stream: FolderStream, facts: ArchiveFacts) -> str:
    """By what an archive of version 1 says of itself."""
    config = facts.config
    if not config:
        return ""
    if config.get("name") != stream.name:
        return f"its archive is of the stream {config.get('name')}"
    for key in sorted(config.keys() | set(_ACTING)):
        known = key in stream.config and key not in ("name", "metadata")
        if (known or key in _ACTING) and not _within(stream.config.get(key), config.get(key)):
            return f"{key} in the archive is not the one in backup.json"
    return ""


def _within(described: t.Any, archived: t.Any) -> bool:
    """Whether an archive says the same; the command line leaves out what it does not know, and what is empty."""
    if isinstance(described, dict):
        known = archived if isinstance(archived, dict) else {}
        return all(_within(value, known.get(key)) for key, value in described.items())
    if isinstance(described, list) and isinstance(archived, list):
        return len(described) == len(archived) and all(map(_within, described, archived))
    return (described or None) == (archived or None)


def _bounds(stream: FolderStream, facts: ArchiveFacts) -> str:
    """No sequence of a stream goes back, and the archive was made after the state was asked for."""
    if not facts.state:
        return ""
    for key, words in (("last_seq", "ends at"), ("first_seq", "begins at")):
        described, found = int(stream.state.get(key) or 0), int(facts.state.get(key) or 0)
        if found < described:
            return f"its archive {words} message {found}, and the state says {described}"
    return ""


def _content(stream: FolderStream, warn: t.Callable[[str], None]) -> str:
    """By the times of the first and the last message, and by the subjects of all."""
    expected = _times(stream.state)
    subjects = [str(subject) for subject in stream.config.get("subjects") or ()]
    fits = not subjects or any(stream.config.get(key) for key in _ACTING)
    recognised = False
    example = ""
    for message in all_messages(stream.pieces(), stream.name):
        time_ns = expected.get(message.sequence)
        if time_ns is not None:
            if time_ns != message.time_ns:
                return f"message {message.sequence} of its archive has another time than the state says"
            recognised = True
        if not fits:
            subject = message.subject.decode("utf-8", "replace")
            fits = any(matches(subject, pattern) for pattern in subjects)
            example = example or subject
    if fits:
        return ""
    words = f"no message is on a subject of the stream ({', '.join(subjects[:3])}), but on {example}"
    if not recognised:
        return words
    warn(f"{stream.name}: {words}. Its times are right, so the subjects were changed after the messages came.")
    return ""


def _times(state: t.Mapping[str, t.Any]) -> dict[int, int]:
    """The times of messages that a state names, by sequence."""
    found: dict[int, int] = {}
    if state.get("messages"):
        for sequence, moment in (("first_seq", "first_ts"), ("last_seq", "last_ts")):
            try:
                time_ns = nanoseconds(str(state.get(moment)))
            except (ValueError, OverflowError):
                continue
            if time_ns > 0:  # servers say the year 1 where they do not know it
                found[int(state.get(sequence) or 0)] = time_ns
    return found


def matches(subject: str, pattern: str) -> bool:
    """Whether a subject is one of those that a pattern with ``*`` and ``>`` means."""
    parts, wanted = subject.split("."), pattern.split(".")
    for position, part in enumerate(wanted):
        if part == ">":
            return len(parts) > position
        if position >= len(parts) or part not in ("*", parts[position]):
            return False
    return len(parts) == len(wanted)
