# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Names of encodings: PostgreSQL's and Python's.

A session of ours has the encoding of its database, so that the server converts nothing, and bytes that are no text in
it are read as Python's surrogates, which give them back unchanged. Names of roles, databases and tablespaces are shared
by databases of every encoding: each is the bytes that the session had in which it was made.
"""

from __future__ import annotations

import codecs
import functools
import typing as t

_PREFIX = "lifeboat_"
_BYTES = "utf_8"  # what a database of no known encoding most likely holds
# To Python, which does not give back every byte of the last one.
_UNKNOWN = ("SQL_ASCII", "EUC_TW", "MULE_INTERNAL", "EUC_JIS_2004")


def let_psycopg2_read_bytes() -> None:
    """Make psycopg2 read whatever a server sends, and give it back unchanged."""
    from psycopg2.extensions import encodings

    if encodings["UTF8"].startswith(_PREFIX):
        return
    codecs.register(_tolerant)
    for name, codec in list(encodings.items()):
        encodings[name] = _PREFIX + codec.replace("-", "_")
    for name in _UNKNOWN:
        encodings[name] = encodings[name.replace("_", "")] = _PREFIX + _BYTES


def _tolerant(name: str) -> codecs.CodecInfo | None:
    if not name.startswith(_PREFIX):
        return None
    codec = name.removeprefix(_PREFIX)
    return codecs.CodecInfo(functools.partial(_encode, codec), functools.partial(_decode, codec), name=name)


def _encode(codec: str, text: str, _errors: str = "strict") -> tuple[bytes, int]:
    try:
        return text.encode(codec, "surrogateescape"), len(text)
    except UnicodeEncodeError as error:
        from psycopg2 import DataError

        character = text[error.start : error.end]
        raise DataError(f"the character {character!r} does not exist in the encoding {codec}") from None


def _decode(codec: str, raw: t.Any, _errors: str = "strict") -> tuple[str, int]:
    return bytes(raw).decode(codec, "surrogateescape"), len(raw)


def python_codec(encoding: str) -> str:
    """Python's name of a database encoding.

    Where Python knows none, it is bytes, of which ``surrogateescape`` keeps what is no text.
    """
    from psycopg2.extensions import encodings

    if encoding in _UNKNOWN:
        return _BYTES
    known = encodings.get(encoding.replace("_", ""), encodings.get(encoding, _BYTES))
    return str(known).removeprefix(_PREFIX)


def carried(name: str, source: str, target: str) -> str:
    """A name that databases share, read in the encoding ``source``, as a database of the encoding ``target`` shows it:
    the bytes are the same.
    """
    return name.encode(python_codec(source), "surrogateescape").decode(python_codec(target), "surrogateescape")
