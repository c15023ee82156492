# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The short way of listing requests leans on two private attributes of botocore, and does without them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._fast_requests import FastRequests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side

from tests.lab.listing_server import ListingServer


def test_this_botocore_has_what_the_short_way_needs() -> None:
    """When this fails with a new botocore, listings are right and slower: see FastRequests."""
    side = open_side("source", {"bucket": "b", "region": "us-east-1", "access_key": "k", "secret_key": "lab+secret/01"})
    fast = FastRequests(side.client)
    credentials: t.Any = fast._credentials
    assert credentials.get_frozen_credentials().access_key == "k"
    assert callable(t.cast(t.Any, fast._session).send)


@pytest.fixture(scope="module")
def server() -> t.Iterator[ListingServer]:
    with ListingServer({"one": 3500}) as server:
        yield server


def _keys(side: Side) -> tuple[list[bytes], bool]:
    lister = Lister(side, "", Requests())
    stream = lister.stream()
    keys = []
    while not stream.ended:
        keys += [row[0] for row in stream.next_rows()]
    return keys, lister._wire is not None and lister._wire.open


@pytest.mark.parametrize("attribute", ["_request_signer", "_endpoint"])
def test_without_them_a_listing_is_the_same(server: ListingServer, attribute: str) -> None:
    side = open_side("source", server.side("one"))
    keys, short = _keys(side)
    assert len(keys) == 3500 and short, "the short way is taken where it can be"

    class MockClient:
        """The client of a botocore that has renamed this one."""

        def __getattr__(self, name: str) -> t.Any:
            if name == attribute:
                raise AttributeError(name)
            return getattr(side.client, name)

    other = open_side("source", server.side("one"))
    object.__setattr__(other.connection, "_client", MockClient())
    assert _keys(other) == (keys, False)
