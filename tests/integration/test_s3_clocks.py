# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers whose clocks are wrong by minutes: it is measured and told, and what is young, deleted or newer is judged by
them.
"""

from __future__ import annotations

import collections.abc
import pathlib
import typing as t

import pytest

from tests.integration.bucket_pairs import Pair, fresh_pair
from tests.integration.modules import run_module
from tests.lab.objectstore import ObjectStore
from tests.lab.skewedstore import SkewedStore

_MINUTES = 10
_RULE = {"id": "all", "priority": 1, "delete_markers": True}
_PLAIN: dict[str, t.Any] = {"rules": None, "lifecycle": None, "object_lock": None}


@pytest.fixture(scope="module", params=[_MINUTES, -_MINUTES], ids=["ahead", "behind"])
def skewed(request: pytest.FixtureRequest) -> collections.abc.Iterator[tuple[SkewedStore, int]]:
    with SkewedStore(60 * request.param) as store:
        yield store, request.param


@pytest.fixture
def pair(skewed: tuple[SkewedStore, int], tmp_path: pathlib.Path) -> collections.abc.Iterator[tuple[Pair, int]]:
    with fresh_pair(skewed[0], tmp_path) as pair:
        pair.run(**{**_PLAIN, "rules": [_RULE]})
        yield pair, skewed[1]


def info(pair: Pair, **more: t.Any) -> dict[str, t.Any]:
    return run_module(
        "s3_replication_info", {"source": pair.side(pair.source), "destination": pair.side(pair.destination), **more}
    )


def test_the_skew_is_measured_and_warned_of_and_the_lag_is_right_all_the_same(pair: tuple[Pair, int]) -> None:
    result = info(pair[0], level="canary")
    assert result["verdict"] == "in_sync", result
    for skew in result["clock_skew_seconds"].values():
        assert abs(skew - 60 * pair[1]) < 30, result["clock_skew_seconds"]
    assert 0 <= result["lag_seconds"] < 60, "the lag is not the difference of two clocks"
    assert any(
        f"{_MINUTES} minutes {'ahead of' if pair[1] > 0 else 'behind'}" in warning
        for warning in map(str, result["warnings"])
    )


def test_what_is_young_is_young_by_the_clock_of_the_source(pair: tuple[Pair, int]) -> None:
    pair[0].store.client.delete_bucket_replication(Bucket=pair[0].source)
    pair[0].store.write(pair[0].source, "k", b"k")
    assert info(pair[0], grace="5m")["pending"]["count"] == 1
    assert info(pair[0], grace="0s")["missing"]["count"] == 1


def test_deletions_of_the_last_minutes_are_found_by_the_clock_of_the_server(pair: tuple[Pair, int]) -> None:
    one, _minutes = pair
    one.store.write(one.source, "k", b"k")
    one.store.client.delete_object(Bucket=one.source, Key="k")
    result = one.run(**_PLAIN, state="undeleted", deleted_after="5m", confirm_bucket=one.source)
    assert result["undeleted"] == {"source": 1, "destination": 1}, result
    assert any("clock" in warning for warning in map(str, result["warnings"]))


def test_the_newer_of_two_servers_is_told_without_their_clocks(
    skewed: tuple[SkewedStore, int], object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    """Destination written first, source later: that the clock of the destination is ahead must not make it the newer
    one.
    """
    store, minutes = skewed
    with fresh_pair(object_store, tmp_path) as pair:
        object_store.client.put_bucket_versioning(Bucket=pair.source, VersioningConfiguration={"Status": "Enabled"})
        there = store.make_bucket(f"{pair.source}-there", versioning=True)
        first, second = (store, object_store) if minutes > 0 else (object_store, store)
        for server, content in ((first, b"older"), (second, b"newer")):
            server.write(pair.source if server is object_store else there, "k", content)
        destination = {**pair.side(there), "endpoint_url": store.endpoint_url}
        back = {**_PLAIN, "state": "failed_back", "confirm_bucket": pair.source, "pause_forward": False}
        result = pair.run(**back, destination=destination)
        if minutes > 0:
            assert result["copied"]["conflicts"] == {"newer_at_the_source": 1}, result
            assert object_store.read(pair.source, "k") == b"newer"
        else:  # newer by less than the clocks can be compared: copied, or told
            assert result["copied"]["objects"] + sum(result["copied"]["conflicts"].values()) == 1, result
        store.drop_bucket(there)


def test_a_server_that_refuses_for_its_clock_is_told_in_one_error_that_names_the_clock(tmp_path: pathlib.Path) -> None:
    with SkewedStore(-20 * 60, strict=True) as store:
        common = {
            "endpoint_url": store.endpoint_url,
            "access_key": "LABACCESSKEY",
            "secret_key": "lab+secret/0123456789",
        }
        sides = {"source": {"bucket": "some-bucket", **common}, "destination": {"bucket": "another-bucket", **common}}
        confirmed = {
            "state": "undeleted",
            "deleted_after": "1h",
            "confirm_bucket": "some-bucket",
            "state_dir": str(tmp_path),
        }
        acted = run_module("s3_recover", {**sides, **confirmed})
        for result in (run_module("s3_replication_info", {**sides, "level": "listing"}), acted):
            assert result["failed"]
            assert (
                "source s3://some-bucket" in result["msg"]
                and "clock of the server is 20 minutes behind" in result["msg"]
            ), result["msg"]
            assert "NTP" in result["hint"] and "access key" not in result["msg"]
