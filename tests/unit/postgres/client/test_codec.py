# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encodings of databases, and bytes that are no text in them."""

from __future__ import annotations

import codecs

import hypothesis
import hypothesis.strategies as st
import psycopg2
import psycopg2.extensions
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import (
    carried,
    let_psycopg2_read_bytes,
    python_codec,
)

# Every encoding that a database can have (charset.sgml).
_OF_SERVERS = (
    "EUC_CN", "EUC_JP", "EUC_JIS_2004", "EUC_KR", "EUC_TW", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8",
    "KOI8R", "KOI8U", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5", "LATIN6", "LATIN7", "LATIN8", "LATIN9",
    "LATIN10", "MULE_INTERNAL", "SQL_ASCII", "UTF8", "WIN866", "WIN874", "WIN1250", "WIN1251", "WIN1252", "WIN1253",
    "WIN1254", "WIN1255", "WIN1256", "WIN1257", "WIN1258",
)  # fmt: skip


@pytest.mark.parametrize("encoding", _OF_SERVERS)
@hypothesis.given(raw=st.binary(max_size=40))
def test_a_session_in_any_encoding_gives_back_the_bytes_that_it_has_read(encoding: str, raw: bytes) -> None:
    let_psycopg2_read_bytes()
    for name in (encoding, encoding.replace("_", "")):
        codec = codecs.lookup(psycopg2.extensions.encodings[name])
        assert codec.encode(codec.decode(raw)[0])[0] == raw
    assert raw.decode(python_codec(encoding), "surrogateescape") == codec.decode(raw)[0]


def test_a_character_that_the_encoding_does_not_have_is_an_error_of_the_database() -> None:
    let_psycopg2_read_bytes()
    codec = codecs.lookup(psycopg2.extensions.encodings["LATIN1"])
    with pytest.raises(psycopg2.DataError, match="☃"):
        codec.encode("snow ☃ man")


def test_a_name_is_the_same_bytes_in_every_database() -> None:
    assert carried("rôle", "LATIN1", "UTF8") == "r\udcf4le"
    assert carried("rÃ´le", "LATIN1", "UTF8") == "rôle"
    assert carried("r\udcf4le", "UTF8", "LATIN1") == "rôle"
    assert carried("plain", "EUC_JP", "SQL_ASCII") == "plain"
