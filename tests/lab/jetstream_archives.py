# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JetStream snapshot archives made without a server: small ones to damage, and large ones for measurements.

Written from the formats' descriptions and not with the code under test, apart from HighwayHash and CRC-32C, which have
published vectors.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import random
import struct
import tarfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._crc32c import masked_crc32c
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message

ERASED, TOMBSTONE = 1 << 63, 1 << 62
START = b"\xff\x06\x00\x00S2sTwO"
_DAY = 1_760_000_000_000_000_000


# S2


def chunk(kind: int, plain: bytes, body: bytes) -> bytes:
    """One chunk of the S2 framing."""
    content = masked_crc32c(plain).to_bytes(4, "little") + body
    return bytes((kind,)) + len(content).to_bytes(3, "little") + content


def s2(plain: bytes, *, chunk_bytes: int = 1 << 20, compress: bool = True) -> bytes:
    """An S2 stream."""
    parts = [START]
    for at in range(0, len(plain), chunk_bytes):
        piece = plain[at : at + chunk_bytes]
        parts.append(chunk(0, piece, compress_block(piece)) if compress else chunk(1, piece, piece))
    return b"".join(parts)


def compress_block(plain: bytes) -> bytes:
    """An S2 block that uses every instruction where it can: literals, three kinds of copies, repeated offsets, copies
    of themselves.
    """
    out = bytearray(varint(len(plain)))
    seen: dict[bytes, int] = {}
    at = start = last_offset = 0
    while at + 4 <= len(plain):
        key = plain[at : at + 4]
        found = seen.get(key)
        seen[key] = at
        if found is None:
            at += 1
            continue
        length = 4
        while at + length < len(plain) and plain[found + length] == plain[at + length]:
            length += 1
        out += literal(plain[start:at])
        offset = at - found
        out += repeat(length) if offset == last_offset else copy(offset, length)
        last_offset = offset
        at += length
        start = at
    return bytes(out + literal(plain[start:]))


def varint(value: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes((value,))


def literal(data: bytes) -> bytes:
    """The instruction for bytes as they are."""
    if not data:
        return b""
    size = len(data) - 1
    if size < 60:
        return bytes((size << 2,)) + data
    count = (size.bit_length() + 7) // 8
    return bytes(((59 + count) << 2,)) + size.to_bytes(count, "little") + data


def copy(offset: int, length: int) -> bytes:
    """The instructions for a copy of 4 bytes or more, the smallest of the three kinds that can hold the offset."""
    if offset < 2048 and length <= 11:
        return bytes(((offset >> 8) << 5 | (length - 4) << 2 | 1, offset & 0xFF))
    wide = offset >= 1 << 16
    first = min(length, 64)
    head = bytes(((first - 1) << 2 | (3 if wide else 2),)) + offset.to_bytes(4 if wide else 2, "little")
    rest = length - first
    if rest and rest < 4:  # a repeat has at least four bytes, so the first takes fewer
        first, rest = first - 4, rest + 4
        head = bytes(((first - 1) << 2 | (3 if wide else 2),)) + head[1:]
    return head + (repeat(rest) if rest else b"")


def repeat(length: int) -> bytes:
    """The instruction for a copy with the offset of the copy before, 4 bytes or more."""
    length -= 4
    if length < 5:
        return bytes((length << 2 | 1, 0))
    if length < 260:
        return bytes((5 << 2 | 1, 0, length - 4))
    if length < (1 << 16) + 256:
        return bytes((6 << 2 | 1, 0)) + (length - 256).to_bytes(2, "little")
    return bytes((7 << 2 | 1, 0)) + (length - 65536).to_bytes(3, "little")


# Version 1


@dataclasses.dataclass
class Record:
    """A record of a block file."""

    sequence: int
    time_ns: int = _DAY
    subject: bytes = b"a"
    headers: bytes = b""
    data: bytes = b""
    flags: int = 0

    @classmethod
    def of(cls, message: Message) -> Record:
        """The record of a message."""
        return cls(*message)

    def encoded(self, stream: str, block: int) -> bytes:
        """As the server writes it."""
        content = self.subject + self.headers + self.data
        middle = struct.pack("<Qq", self.sequence | self.flags, self.time_ns)
        (digest,) = _highwayhash.in_python(_highwayhash.key_of(f"{stream}-{block}"), [middle + content])
        length = 22 + len(content) + 8 + (4 if self.headers else 0)
        head = (
            struct.pack("<I", length | (1 << 31 if self.headers else 0)) + middle + struct.pack("<H", len(self.subject))
        )
        headers = struct.pack("<I", len(self.headers)) + self.headers if self.headers else b""
        return head + self.subject + headers + self.data + digest


def tombstone(sequence: int) -> Record:
    """The record that says that a message is deleted."""
    return Record(sequence, subject=b"", flags=TOMBSTONE)


@dataclasses.dataclass
class IndexBlock:
    """What index.db says of a block."""

    number: int
    first: int
    last: int
    deleted: t.Sequence[int] = ()


def index_db(stream: str, blocks: t.Sequence[IndexBlock], last_hash: bytes, *, version: int = 4) -> bytes:
    """``msgs/index.db``, as the server writes it."""
    live = [block for block in blocks if block.last >= block.first]
    count = sum(block.last - block.first + 1 - len(block.deleted) for block in live)
    first, last = (live[0].first, blocks[-1].last) if live else (0, 0)
    numbers = [count, 0, first, 2 * _DAY, last, 2 * _DAY, 1]
    out = bytearray((11, version)) + b"".join(map(varint, numbers))
    out += varint(1) + b"a" + varint(2) + varint(1) + varint(1)  # one subject with two messages
    out += varint(len(blocks))
    for block in blocks:
        out += b"".join(map(varint, (block.number, 0, block.first, 0, block.last, 0, len(block.deleted))))
        out += b"\0" * min(version - 1, 2)
        if block.deleted:
            out += _sequence_set(block.deleted)
    out += varint(blocks[-1].number if blocks else 0) + last_hash
    (digest,) = _highwayhash.in_python(_highwayhash.key_of(stream), [bytes(out)])
    return bytes(out) + digest


def _sequence_set(members: t.Sequence[int]) -> bytes:
    pages: dict[int, int] = {}
    for member in members:
        pages[member // 2048] = pages.get(member // 2048, 0) | 1 << member % 2048
    nodes = b"".join(
        struct.pack("<Q", page * 2048) + bits.to_bytes(256, "little") + b"\1\0" for page, bits in sorted(pages.items())
    )
    return struct.pack("<BBII", 22, 2, len(pages), len(members)) + nodes


def consumer_files(stream: str, name: str, numbers: t.Sequence[int]) -> dict[str, bytes]:
    """The files of a consumer. ``numbers``: what o.dat holds, unsigned."""
    meta = json.dumps({"name": name, "durable_name": name, "ack_policy": "explicit"}).encode()
    folder = f"obs/{name}/"
    return {
        folder + "meta.inf": meta,
        folder + "meta.sum": _sum(f"{stream}/{name}", meta),
        folder + "o.dat": bytes((22, 2)) + b"".join(map(varint, numbers)),
    }


def _sum(key: str, meta: bytes) -> bytes:
    (digest,) = _highwayhash.in_python(_highwayhash.key_of(key), [meta])
    return digest.hex().encode()


def v1_files(
    stream: str,
    blocks: t.Mapping[int, t.Sequence[Record]],
    *,
    index: bytes | None = None,
    config: t.Mapping[str, t.Any] | None = None,
    more: t.Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """The files of a v1 archive, in order."""
    meta = json.dumps({"Created": "2026-01-01T00:00:00Z", "name": stream, **(config or {})}).encode()
    files = {"meta.inf": meta, "meta.sum": _sum(stream, meta)}
    for number, records in blocks.items():
        files[f"msgs/{number}.blk"] = b"".join(record.encoded(stream, number) for record in records)
    if index is not None:
        files["msgs/index.db"] = index
    return files | dict(more or {})


def tar(files: t.Mapping[str, bytes]) -> bytes:
    """A tar archive in PAX format that ends as Go's does: two empty blocks, no more padding."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uname, info.gname = len(data), 0o600, "nats", "nats"
            info.pax_headers = {"mtime": "1760000000.123456789"}
            archive.addfile(info, io.BytesIO(data))
        end = archive.offset
    return out.getvalue()[:end] + bytes(1024)


# Version 2


def v2_plain(
    messages: t.Iterable[Message], *, state: t.Mapping[str, t.Any], consumers: t.Mapping[str, t.Any] | None = None
) -> bytes:
    """A v2 archive before compression."""
    consumers = consumers or {}
    document = json.dumps({"consumer_count": len(consumers), **state}).encode()
    parts = [b"NATSARC1", _entry(b"state.json", _DAY, 0, b"", document)]
    parts += [
        _entry(f"consumers/{name}".encode(), _DAY, 0, b"", json.dumps(value).encode())
        for name, value in consumers.items()
    ]
    parts += [
        _entry(message.subject, message.time_ns, message.sequence, message.headers, message.data)
        for message in messages
    ]
    return b"".join(parts) + bytes(5)


def _entry(name: bytes, time_ns: int, sequence: int, headers: bytes, data: bytes) -> bytes:
    numbers = (len(name), time_ns * 2 if time_ns >= 0 else -time_ns * 2 - 1, sequence, len(headers), len(data))
    return b"".join(map(varint, numbers)) + name + headers + data


# Large ones


def large_v1(stream: str, count: int, *, data_bytes: int = 130) -> t.Iterator[bytes]:
    """The pieces of a v1 archive of ``count`` JSON messages, about as dense as the server's own compression; 300,000
    messages a second.

    Blocks of about 8 MiB, no index.db. Each message has 32 random characters.
    """
    size = 22 + 18 + data_bytes + 8
    per_block, per_chunk = (8 << 20) // size, (1 << 20) // size
    yield START
    head = tar(v1_files(stream, {}))[:-1024]
    yield chunk(1, head, head)
    numbers = itertools.count(1)
    left = count
    for block in itertools.count(1):
        if left <= 0:
            break
        here = min(left, per_block)
        left -= here
        header = tar({f"msgs/{block}.blk": b""})[:-1024]
        header = _with_size(header, here * size)
        yield chunk(1, header, header)
        for start in range(0, here, per_chunk):
            records = _similar_records(stream, block, numbers, min(per_chunk, here - start), data_bytes)
            plain = b"".join(records)
            yield chunk(0, plain, varint(len(plain)) + _similar_block(records, data_bytes))
        padding = bytes(-here * size % 512)
        if padding:
            yield chunk(1, padding, padding)
    yield chunk(1, bytes(1024), bytes(1024))


def _with_size(header: bytes, size: int) -> bytes:
    """The last 512 bytes of ``header`` are the header of an empty file: give it a size."""
    last = bytearray(header[-512:])
    last[124:136] = b"%011o\0" % size
    last[148:156] = b" " * 8
    last[148:156] = b"%06o\0 " % sum(last)
    return header[:-512] + bytes(last)


def _similar_records(stream: str, block: int, numbers: t.Iterator[int], count: int, data_bytes: int) -> list[bytes]:
    subject = b"orders.europe.news"
    length = 22 + len(subject) + data_bytes + 8
    inputs, heads = [], []
    for number in itertools.islice(numbers, count):
        middle = struct.pack("<Qq", number, _DAY + number * 1_000_003)
        text = b'{"id": "%032x", "action": "push", "repository": "lifeboat/archive"' % random.getrandbits(128)
        inputs.append(middle + subject + text.ljust(data_bytes - 1) + b"}")
        heads.append(struct.pack("<I", length) + middle + struct.pack("<H", len(subject)))
    digests = _highwayhash.digests(_highwayhash.key_of(f"{stream}-{block}"), inputs)
    return [
        head + data[16:] + digests[8 * at : 8 * at + 8]
        for at, (head, data) in enumerate(zip(heads, inputs, strict=True))
    ]


def _similar_block(records: list[bytes], data_bytes: int) -> bytes:
    """All records have one length, so what two neighbours share is a copy with the same offset every time."""
    size = len(records[0])
    out = [literal(records[0])]
    subject_copy = copy(size, 2 + 18 + 8)  # length of the subject, subject, '{"id": "'
    length_copy, rest_copy = repeat(4), repeat(size - 22 - 18 - 8 - 32 - 8)
    for index, record in enumerate(records[1:]):
        out += (
            copy(size, 4) if index == 0 else length_copy,
            literal(record[4:20]),
            subject_copy if index == 0 else repeat(28),
        )
        out += (literal(record[48:80]), rest_copy, literal(record[-8:]))
    return b"".join(out)
