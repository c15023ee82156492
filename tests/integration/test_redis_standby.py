# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""redis_standby and redis_standby_info against real servers: a primary and its replica."""

from __future__ import annotations

import collections.abc
import json
import time
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.redis import VERSIONS, RedisServer


class Pair:
    """A primary with a hundred keys, and a server beside it."""

    def __init__(self, primary: RedisServer, replica: RedisServer) -> None:
        self.primary = primary
        self.replica = replica

    def info(self, **more: t.Any) -> dict[str, t.Any]:
        options = {"login_port": self.replica.port, "primary_host": "127.0.0.1", "primary_port": self.primary.port}
        result = run_module("redis_standby_info", {**options, **more})
        assert not result.get("failed"), result
        return result

    def change(self, state: str, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """On the replica's side, unless ``login_port`` says otherwise."""
        options = {"login_port": self.replica.port, "primary_host": "127.0.0.1", "primary_port": self.primary.port}
        return run_module("redis_standby", {"state": state, **options, **more}, check_mode=check_mode)

    def fence(self, state: str = "fenced", **more: t.Any) -> dict[str, t.Any]:
        return self.change(state, login_port=self.primary.port, **more)

    def beat(self, counter: int, at: str) -> None:
        self.primary.cli("SET", "lifeboat:heartbeat", json.dumps({"counter": counter, "at": at}))

    def wait_until_equal(self) -> None:
        end = time.monotonic() + 60
        while self.info()["loss_bytes"] != 0:
            assert time.monotonic() < end


def started(version: str = "7.0", **replica: t.Any) -> collections.abc.Iterator[Pair]:
    with RedisServer(version) as primary, RedisServer(version, **replica) as other:
        primary.feed(("SET", f"key:{number}", "value") for number in range(100))
        yield Pair(primary, other)


@pytest.fixture
def pair() -> collections.abc.Iterator[Pair]:
    """Not replicated yet."""
    yield from started()


@pytest.fixture
def replicated(pair: Pair) -> Pair:
    result = pair.change("replica")
    assert not result.get("failed") and result["changed"], result
    return pair


@pytest.mark.parametrize("version", VERSIONS)
def test_a_planned_promotion_loses_nothing_and_survives_a_restart(version: str) -> None:
    for pair in started(version):
        assert pair.change("replica")["changed"]
        assert pair.change("replica")["changed"] is False
        pair.primary.cli("SET", "last", "write")
        planned = pair.fence(check_mode=True)
        assert planned["changed"] and pair.primary.cli("SET", "still", "taken") == "OK"
        fenced = pair.fence()
        assert fenced["changed"] and fenced["role"] == "refuses writes" and fenced["persisted"], fenced
        assert "NOREPLICAS" in pair.primary._run("SET", "late", "write").stdout.decode()
        assert pair.fence()["changed"] is False
        result = pair.change("primary", reach=fenced["reach"], epoch=3, run_id="run-1")
        assert result["changed"] and result["role"] == "primary" and result["persisted"], result
        assert json.loads(pair.replica.cli("GET", "lifeboat:promotion"))["epoch"] == 3
        assert pair.replica.cli("GET", "last") == "write" and pair.replica.cli("GET", "key:99") == "value"
        assert pair.change("primary")["changed"] is False
        assert "replicaof" not in (pair.replica.folder / "server.conf").read_text()
        assert "min-replicas-to-write 10000" in (pair.primary.folder / "server.conf").read_text()
        assert pair.info()["split_brain"] is True  # the fenced one is a primary of the same history
        left = {"login_host": "127.0.0.1", "login_port": pair.primary.port, "state": "replica", "replace": True,
                "primary_host": "127.0.0.1", "primary_port": pair.replica.port}  # fmt: skip
        given_up = run_module("redis_standby", left, check_mode=True)["given_up"]
        assert given_up["only_here_bytes"] == 0 and given_up["refuses_writes"] and given_up["key_count"] > 99, given_up
        assert pair.fence("unfenced")["changed"] and pair.primary.cli("SET", "a", "b") == "OK"
        given_up = run_module("redis_standby", left, check_mode=True)["given_up"]
        assert given_up["only_here_bytes"] > 0 and not given_up["refuses_writes"], given_up
        assert pair.fence("unfenced")["changed"] is False


def test_a_promotion_beside_a_primary_that_takes_writes_is_refused(replicated: Pair) -> None:
    result = replicated.change("primary")
    assert result["failed"] and "there would be two primaries" in result["msg"], result
    assert "role:slave" in replicated.replica.cli("INFO", "replication")
    result = replicated.change("primary", unfenced_primary="a drill")
    assert result.get("changed") and result["unfenced_primary"] == "a drill", result


def test_what_is_not_known_is_not_zero(replicated: Pair) -> None:
    replicated.beat(1, "2026-01-01T00:00:00Z")
    replicated.wait_until_equal()
    now = replicated.info()
    assert (now["word"], now["loss_bytes"], now["loss_seconds"]) == ("streaming", 0, 0.0), now
    replicated.primary.stop()
    gone = replicated.info()
    assert gone["loss_bytes"] is None and gone["loss_seconds"] is None and not gone["primary"]["reached"], gone
    refused = replicated.change("primary", max_loss="1h")
    assert refused["failed"] and "Nobody knows what its promotion would lose" in refused["msg"], refused
    assert "role:slave" in replicated.replica.cli("INFO", "replication")
    published = {"offset": gone["offset"] + 500, "at": "2026-01-01T00:00:07Z"}
    known = replicated.info(published=published)
    assert (known["loss_bytes"], known["loss_seconds"]) == (500, 7.0), known
    refused = replicated.change("primary", published=published, max_loss="5s")
    assert refused["failed"] and "would lose 7 s, and 5 s may be lost" in refused["msg"], refused
    planned = replicated.change("primary", published=published, max_loss="10s", check_mode=True)
    assert planned["changed"] and "role:slave" in replicated.replica.cli("INFO", "replication")
    done = replicated.change("primary", published=published, max_loss="10s")
    assert done["changed"] and done["lost"]["loss_seconds"] == 7.0, done


def test_a_replica_whose_first_copy_has_not_ended_is_never_promoted(pair: Pair) -> None:
    pair.replica.cli("REPLICAOF", "127.0.0.1", "1")
    assert pair.info()["word"] == "never synced"
    result = pair.change("primary", unfenced_primary="a drill")
    assert result["failed"] and "has not the whole data set" in result["msg"], result


def test_a_replica_that_was_restarted_beside_a_dead_primary_is_promoted_on_an_explicit_word(replicated: Pair) -> None:
    replicated.primary.stop()
    replicated.replica.cli("SAVE")
    replicated.replica.stop()
    replicated.replica._settings.append(f"replicaof 127.0.0.1 {replicated.primary.port}")
    replicated.replica.start()
    result = replicated.change("primary")
    assert result["failed"] and "Nothing was changed" in result["msg"], result
    result = replicated.change("primary", accept_loss="the region burns")
    assert result["changed"] and replicated.replica.cli("GET", "key:99") == "value", result


def test_a_replica_of_another_primary_has_no_lag_that_could_be_compared(replicated: Pair) -> None:
    with RedisServer() as stranger:
        lag = replicated.info(primary_port=stranger.port)
        assert lag["loss_bytes"] is None and "another replication id" in lag["because"], lag


def test_keys_are_not_thrown_away_unasked(pair: Pair) -> None:
    pair.replica.cli("SET", "the only", "copy")
    result = pair.change("replica")
    assert result["failed"] and "is a primary with 1 keys" in result["msg"], result
    assert pair.change("replica", replace=True)["changed"] and pair.replica.cli("GET", "the only") == ""


def test_what_was_set_before_a_fence_is_given_back_however_often_it_was_put_up(pair: Pair) -> None:
    def settings() -> list[str]:
        return [
            pair.primary.cli("CONFIG", "GET", f"min-replicas-{name}").split()[1] for name in ("to-write", "max-lag")
        ]

    for before in (["1", "0"], ["0", "10"], ["3", "7"]):
        for name, value in zip(("to-write", "max-lag"), before, strict=True):
            pair.primary.cli("CONFIG", "SET", f"min-replicas-{name}", value)
        assert not pair.fence("unfenced", check_mode=True)["changed"], "what nobody has fenced stays as it is"
        fenced = [pair.fence() for _time in range(2)]
        assert [one["changed"] for one in fenced] == [True, False], fenced
        assert [one["min_replicas_before"] for one in fenced] == [before[0]] * 2
        unfenced = [pair.fence("unfenced") for _time in range(2)]
        assert [one["changed"] for one in unfenced] == [True, False], unfenced
        assert settings() == before


def test_a_change_that_the_server_cannot_keep_is_said_so(replicated: Pair) -> None:
    (replicated.replica.folder / "server.conf").unlink()
    (replicated.replica.folder / "server.conf").mkdir()
    result = replicated.change("primary", unfenced_primary="a drill")
    assert result["changed"] and result["persisted"] is False, result
    assert "A restart would undo it" in str(result["warnings"]), result


def test_options_of_another_state_are_refused(pair: Pair) -> None:
    result = pair.change("replica", reach=7)
    assert result["failed"] and "reach does not belong to state: replica" in result["msg"]
