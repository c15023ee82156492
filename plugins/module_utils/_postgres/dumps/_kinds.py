# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a file is that a home-made script has left: by its first bytes, not by its name. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import re

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import (
    FORMAT_CUSTOM,
    MAGIC,
    ArchiveScanner,
)

CUSTOM, TAR, DIRECTORY, SCRIPT, CLUSTER_SCRIPT = "custom", "tar", "directory", "script", "cluster_script"
NATS, UNKNOWN = "nats", "unknown"
HEAD_BYTES = 64 << 10
_TAR_BLOCK = 512
_FORMAT_AT = 10  # in the head of an archive: behind the magic, three bytes of version and two sizes
_AGE = (b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----")
_GPG_ARMOUR = b"-----BEGIN PGP MESSAGE-----"
_GPG_PACKETS = frozenset((1, 3, 18, 20))  # encrypted session keys, encrypted data (RFC 9580, 5)
_SCRIPT = re.compile(rb"^-- PostgreSQL database dump\r?$", re.MULTILINE)
_CLUSTER = re.compile(rb"^-- PostgreSQL database cluster dump\r?$", re.MULTILINE)
_STATEMENT = re.compile(rb"^(?:SET|CREATE|INSERT|COPY|BEGIN|ALTER|DROP|SELECT)\b[^\0]*;", re.MULTILINE | re.IGNORECASE)
_DUMPED_FROM = re.compile(rb"^-- Dumped from database version (\d+(?:\.\d+)*)", re.MULTILINE)
_DUMPED_BY = re.compile(rb"^-- Dumped by pg_dump version (\d+(?:\.\d+)*)", re.MULTILINE)
_ENCODING = re.compile(rb"^SET client_encoding = '([A-Za-z0-9_-]{1,30})';", re.MULTILINE)
_MAJOR = re.compile(r"(\d{1,2})(?:\.|$|\s|\w)")


@dataclasses.dataclass(frozen=True)
class Kind:
    """What plain bytes are. ``database`` and versions are empty where the file does not say them."""

    kind: str
    database: str = ""
    server_version: str = ""
    dump_version: str = ""
    encoding: str = ""

    @property
    def major(self) -> int:
        """Of the server that was dumped; 0 where nobody knows."""
        match = _MAJOR.match(self.server_version)
        return int(match[1]) if match else 0


def wrapping(head: bytes) -> str:
    """What has to be undone first: ``age``, ``gpg``, ``zst``, ``gz``; empty where these bytes are plain."""
    if head.startswith(_AGE):
        return "age"
    if head.startswith(b"\x1f\x8b\x08"):
        return "gz"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zst"
    if head.startswith(_GPG_ARMOUR) or _is_packet(head):
        return "gpg"
    return ""


def _is_packet(head: bytes) -> bool:
    """Whether an OpenPGP message that has to be decrypted begins here."""
    if not head or not head[0] & 0x80:
        return False
    tag = head[0] & 0x3F if head[0] & 0x40 else (head[0] & 0x3C) >> 2
    return tag in _GPG_PACKETS


def kind_of(head: bytes) -> Kind:
    """What plain bytes that begin like this are."""
    if head.startswith(MAGIC):
        return _custom(head)
    if head[257:262] == b"ustar" and head.startswith(b"toc.dat\0"):
        return dataclasses.replace(directory_kind(head[_TAR_BLOCK:]), kind=TAR)
    cluster = _CLUSTER.search(head) is not None
    if cluster or _SCRIPT.search(head) or (_STATEMENT.search(head) and b"\0" not in head):
        version, by, encoding = (_said(pattern, head) for pattern in (_DUMPED_FROM, _DUMPED_BY, _ENCODING))
        return Kind(CLUSTER_SCRIPT if cluster else SCRIPT, "", version, by, encoding)
    return Kind(UNKNOWN)


def directory_kind(head: bytes) -> Kind:
    """An archive in a folder, by the beginning of its ``toc.dat``: the same head as of a custom one, but for a byte."""
    if len(head) <= _FORMAT_AT or not head.startswith(MAGIC):
        return Kind(DIRECTORY)
    same = head[:_FORMAT_AT] + bytes([FORMAT_CUSTOM]) + head[_FORMAT_AT + 1 :]
    return dataclasses.replace(_custom(same), kind=DIRECTORY)


def _custom(head: bytes) -> Kind:
    scanner = ArchiveScanner(content="skip")
    with contextlib.suppress(DamagedError):
        scanner.feed(head)
    found = scanner.header
    if found is None:
        return Kind(CUSTOM)
    encodings = [entry.definition for entry in scanner.entries if entry.description == "ENCODING"]
    encoding = _said(_ENCODING, encodings[0].encode("utf-8", "replace")) if encodings else ""
    return Kind(CUSTOM, found.database, found.server_version, found.dump_version, encoding)


def _said(pattern: re.Pattern[bytes], head: bytes) -> str:
    match = pattern.search(head)
    return match[1].decode("ascii", "replace") if match else ""
