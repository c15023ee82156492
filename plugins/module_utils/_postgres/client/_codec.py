# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Names of encodings: PostgreSQL's and Python's."""

from __future__ import annotations

import codecs
import typing as t

_NO_ENCODING = "utf_8_or_bytes"


def let_psycopg2_read_bytes() -> None:
    """Make psycopg2 read a database of no known encoding (SQL_ASCII), whose names may be any bytes, and give them back
    unchanged.
    """
    from psycopg2.extensions import encodings

    if encodings.get("SQLASCII") != _NO_ENCODING:
        codecs.register(lambda name: codecs.CodecInfo(_encode, _decode, name=name) if name == _NO_ENCODING else None)
        encodings["SQL_ASCII"] = encodings["SQLASCII"] = _NO_ENCODING


def _encode(text: str, _errors: str = "strict") -> tuple[bytes, int]:
    return text.encode("utf-8", "surrogateescape"), len(text)


def _decode(raw: t.Any, _errors: str = "strict") -> tuple[str, int]:
    return bytes(raw).decode("utf-8", "surrogateescape"), len(raw)


def python_codec(encoding: str) -> str:
    """Python's name of a database encoding.

    SQL_ASCII is bytes of no known encoding, of which ``surrogateescape`` keeps the rest.
    """
    from psycopg2.extensions import encodings

    return (
        "utf-8"
        if encoding == "SQL_ASCII"
        else str(encodings.get(encoding.replace("_", ""), encodings.get(encoding, "utf-8")))
    )
