# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Folders that ``nats stream backup`` and ``nats account backup`` have written.

``nats stream backup`` writes ``backup.json`` (the server's configuration and state, last) and ``stream.tar.s2`` (what
the server sent);
``nats account backup`` writes such a folder for each stream (natscli 0.3.0).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE_FILE, CONFIG_FILE

_PIECE_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class FolderStream:
    """One stream that the command line has saved."""

    path: str
    name: str
    config: dict[str, t.Any]
    state: dict[str, t.Any]
    written_at: datetime.datetime  # when the file that is written last was written

    @property
    def archive_bytes(self) -> int:
        """The size of the archive."""
        return os.path.getsize(os.path.join(self.path, ARCHIVE_FILE))

    def pieces(self) -> t.Iterator[bytes]:
        """The archive. Raises DamagedError when it cannot be read."""
        try:
            with open(os.path.join(self.path, ARCHIVE_FILE), "rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise DamagedError(f"{self.path}/{ARCHIVE_FILE} cannot be read: {error.strerror}.") from None


def read_folder(path: str) -> list[FolderStream]:
    """The streams in a folder, sorted by name.

    Raises OptionError when there is none, DamagedError when one was not finished.
    """
    path = os.path.expanduser(path)
    try:
        inside = sorted(os.listdir(path))
    except OSError as error:
        raise OptionError(
            f"from_folder: {path} cannot be read: {error.strerror}.", hint="Name a folder on this host."
        ) from None
    if CONFIG_FILE in inside or ARCHIVE_FILE in inside:
        return [_stream(path)]
    folders = [os.path.join(path, name) for name in inside if os.path.isdir(os.path.join(path, name))]
    streams = [_stream(folder) for folder in folders if {CONFIG_FILE, ARCHIVE_FILE} & set(os.listdir(folder))]
    if not streams:
        raise OptionError(
            f"from_folder: neither {path} nor a folder in it holds {CONFIG_FILE} and {ARCHIVE_FILE}.",
            hint="Name the folder that was given to nats stream backup or nats account backup.",
        )
    names = [stream.name for stream in streams]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                f"from_folder: two folders in {path} hold a stream {name}.", hint="Take them one after the other."
            )
    return sorted(streams, key=lambda stream: stream.name)


def _stream(path: str) -> FolderStream:
    file = os.path.join(path, CONFIG_FILE)
    hint = "The command line writes this file last, so the backup was not finished, or it was changed. Use another one."
    try:
        with open(file, "rb") as stream:
            document = json.loads(stream.read())
        config, state = dict(document["config"]), dict(document["state"])
        name = str(config["name"])
        written_at = datetime.datetime.fromtimestamp(os.path.getmtime(file), datetime.timezone.utc)
    except OSError as error:
        raise DamagedError(f"{file} cannot be read: {error.strerror}.", hint=hint) from None
    except (ValueError, KeyError, TypeError):
        raise DamagedError(f"{file} does not hold the configuration and the state of a stream.", hint=hint) from None
    if not os.path.isfile(os.path.join(path, ARCHIVE_FILE)):
        raise DamagedError(f"{path} holds no {ARCHIVE_FILE}.", hint="Without its archive there is nothing to restore.")
    return FolderStream(path, name, config, state, written_at)
