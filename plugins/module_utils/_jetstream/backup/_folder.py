# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Folders that ``nats stream backup`` and ``nats account backup`` have written.

``nats stream backup`` writes ``backup.json`` (the server's configuration and state, last) and ``stream.tar.s2`` (what
the server sent); ``nats account backup`` writes such a folder for each stream, under the stream's name (natscli 0.3.0).
Of a stream that it could not save it leaves a folder with an empty ``backup.json``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import stat
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup import _export
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import encode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import (
    ARCHIVE_FILE,
    CONFIG_FILE,
    check_described,
    stream_folder,
)

_PIECE_BYTES = 1 << 20
_LARGEST_CONFIG_BYTES = 16 << 20  # a server takes a request of 1 MiB by default
_EMPTY_ARCHIVE_BYTES = 10  # the mark that begins an S2 stream, and nothing behind it


@dataclasses.dataclass(frozen=True)
class FolderStream:
    """One stream that the command line has saved."""

    path: str
    name: str
    config: dict[str, t.Any]
    state: dict[str, t.Any]
    written_at: datetime.datetime  # when the file that is written last was written
    archive_bytes: int

    @property
    def is_empty(self) -> bool:
        """Whether there is no archive because there was no message: the command line writes none then."""
        return self.archive_bytes <= _EMPTY_ARCHIVE_BYTES and not self.state.get("messages")

    def pieces(self) -> t.Iterator[bytes]:
        """The archive, written anew for an empty stream. Raises DamagedError when it cannot be read."""
        if self.is_empty:
            yield from encode(_export.entries(self.state, (), ()))
            return
        with _opened(os.path.join(self.path, ARCHIVE_FILE)) as file:
            try:
                while piece := file.read(_PIECE_BYTES):
                    yield piece
            except OSError as error:
                raise DamagedError(f"{self.path}/{ARCHIVE_FILE} cannot be read: {error.strerror}.") from None


@dataclasses.dataclass(frozen=True)
class Folder:
    """What a folder holds. ``broken`` has the name of each folder in it that holds no whole stream, and why."""

    streams: list[FolderStream]
    broken: dict[str, str]


def read_folder(path: str) -> Folder:
    """The streams in a folder, sorted by name.

    Of several streams, those that are broken are named and the others given. Raises OptionError when there is none,
    DamagedError when a single one was not finished, or none of several was.
    """
    path = os.path.expanduser(path)
    try:
        inside = sorted(os.listdir(path))
    except OSError as error:
        raise OptionError(
            f"from_folder: {path} cannot be read: {error.strerror}.", hint="Name a folder on this host."
        ) from None
    if CONFIG_FILE in inside or ARCHIVE_FILE in inside:
        return Folder([_stream(path)], {})
    found: list[FolderStream] = []
    broken: dict[str, str] = {}
    errors: list[DamagedError] = []
    for name in inside:
        try:
            found += _stream_in(path, name)
        except DamagedError as error:
            broken[name] = error.message
            errors.append(error)
    if errors and not found:
        raise errors[0]
    if not found:
        raise OptionError(
            f"from_folder: neither {path} nor a folder in it holds {CONFIG_FILE} and {ARCHIVE_FILE}.",
            hint="Name the folder that was given to nats stream backup or nats account backup.",
        )
    names = [stream.name for stream in found]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                f"from_folder: two folders in {path} hold a stream {name}.", hint="Take them one after the other."
            )
    return Folder(sorted(found, key=lambda stream: stream.name), broken)


def _stream_in(path: str, name: str) -> list[FolderStream]:
    """The stream in a folder of an account's; none in one that holds something else. Raises DamagedError."""
    folder = os.path.join(path, name)
    try:
        inside = os.listdir(folder)
    except NotADirectoryError:
        return []
    except OSError as error:
        raise DamagedError(f"{folder} cannot be read: {error.strerror}.") from None
    if not {CONFIG_FILE, ARCHIVE_FILE} & set(inside):
        return []
    stream = _stream(folder)
    if name not in (stream.name, os.path.basename(stream_folder(stream.name))):
        raise DamagedError(
            f"{folder} holds the stream {stream.name}. The command line names the folder of each stream after it, so "
            "the folder was renamed, or its files are another stream's.",
            hint=f"If it was renamed, rename it to {stream.name}, or name this folder itself in from_folder.",
        )
    return [stream]


def _stream(path: str) -> FolderStream:
    file = os.path.join(path, CONFIG_FILE)
    hint = "The command line writes this file last, so the backup was not finished, or it was changed. Use another one."
    with _opened(file) as stream:
        content = stream.read(_LARGEST_CONFIG_BYTES + 1)
        written_at = datetime.datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, datetime.timezone.utc)
    try:
        if len(content) > _LARGEST_CONFIG_BYTES:
            raise ValueError(f"it has more than {_LARGEST_CONFIG_BYTES} bytes")
        document = read_json(content)
        config, state = dict(document["config"]), dict(document["state"])
        name = str(config["name"])
        check_described(name, config, state)
    except (ValueError, KeyError, TypeError, RecursionError, RecordError):
        raise DamagedError(f"{file} does not hold the configuration and the state of a stream.", hint=hint) from None
    return FolderStream(path, name, config, state, written_at, _archive_bytes(path, state))


def _archive_bytes(path: str, state: t.Mapping[str, t.Any]) -> int:
    """The size of the archive; 0 where none was written, for want of a message. Raises DamagedError."""
    file = os.path.join(path, ARCHIVE_FILE)
    if not os.path.lexists(file) and not state.get("messages"):
        return 0
    with _opened(file) as archive:
        return os.fstat(archive.fileno()).st_size


@contextlib.contextmanager
def _opened(path: str) -> t.Iterator[t.BinaryIO]:
    """A regular file: a pipe or a device in its place could keep us waiting for ever. Raises DamagedError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}.", hint="Use another backup.") from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedError(f"{path} is not a regular file.", hint="Use another backup.")
        yield file
