# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stream's copy in a scratch place goes without, and whose leftovers are whose."""

from __future__ import annotations

import json
import pathlib
import socket
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _scratch, _scratch_config
from hypothesis import given
from hypothesis import strategies as st

_INNOCENT = {
    "name",
    "subjects",
    "retention",
    "storage",
    "discard",
    "num_replicas",
    "max_consumers",
    "max_msgs",
    "max_bytes",
    "max_age",
    "max_msgs_per_subject",
    "max_msg_size",
    "metadata",
}


def stream(name: str = "S", form: str = "v1", unpacked_bytes: int = 100, **config: t.Any) -> Stream:
    return Stream(
        **{
            "name": name,
            "kind": "stream",
            "bucket": "",
            "folder": f"streams/{name}",
            "method": "snapshot",
            "format": form,
            "created": "",
        },
        **{
            "config": config,
            "state_before": {},
            "state": {},
            "state_after": {},
            "messages": 5,
            "bytes": 50,
            "first_sequence": 1,
        },
        **{"last_sequence": 5, "fingerprint": "f", "hash_engine": "numpy", "unpacked_bytes": unpacked_bytes},
    )


@given(
    st.dictionaries(st.text(max_size=20), st.integers() | st.booleans() | st.text() | st.lists(st.text()), max_size=8)
)
def test_nothing_of_a_configuration_that_could_act_reaches_the_scratch_copy(config: dict[str, t.Any]) -> None:
    made = _scratch_config.scratch_config(
        stream(**{"max_age": 5, "sealed": True, "future_feature": {"deletes": "all"}, **config}), {"a": "b"}
    )
    assert made.keys() == _INNOCENT and made["metadata"] == {"a": "b"}
    assert (made["max_age"], made["max_msgs"], made["max_bytes"], made["max_msgs_per_subject"]) == (0, -1, -1, -1)
    assert (made["retention"], made["storage"], made["num_replicas"]) == ("limits", "file", 1)


def test_a_mirror_gets_a_subject_of_its_own_that_overlaps_with_nobodys() -> None:
    assert _scratch_config.scratch_config(stream(mirror={"name": "O"}), {})["subjects"] == ["lifeboat.scratch.S"]
    assert _scratch_config.scratch_config(stream(subjects=["a.>"]), {})["subjects"] == ["a.>"]


def test_what_is_left_out_is_told_by_name() -> None:
    config = {
        "max_age": 5,
        "max_msgs": -1,
        "mirror": {"name": "O"},
        "retention": "interest",
        "storage": "memory",
        "max_bytes": 7,
    }
    assert _scratch_config.left_out(stream(**config)) == [
        "max_bytes",
        "max_age",
        "mirror",
        "retention interest",
        "storage memory",
    ]
    assert _scratch_config.left_out(stream(max_msgs=-1, retention="limits", storage="file", description="x")) == []


@pytest.mark.parametrize(
    ("version", "form", "refused"), [((2, 14, 6), "v2", True), ((2, 15, 0), "v2", False), ((2, 10, 0), "v1", False)]
)
def test_the_second_format_needs_a_server_from_2_15(version: tuple[int, int, int], form: str, refused: bool) -> None:
    if refused:
        with pytest.raises(MissingRequirementError, match=r"stream S is of the second format.*2\.15, and it is old"):
            _scratch.check_version([stream(form=form)], version, "it is old")
        _scratch.check_version([stream("O"), stream(form=form)], version, "it is old")  # one of them can be proven
    else:
        _scratch.check_version([stream(form=form)], version, "it")


def test_the_room_that_is_asked_for_holds_all_streams_and_once_more_the_largest() -> None:
    small, large = stream(unpacked_bytes=1 << 20), stream(unpacked_bytes=1 << 30)
    assert _scratch.needed_bytes([small, large]) > (2 << 30) + (1 << 20)
    assert _scratch.needed_bytes([]) < 1 << 30


def test_only_streams_of_this_host_whose_folder_is_gone_are_abandoned(tmp_path: pathlib.Path) -> None:
    def config(mark: str) -> dict[str, t.Any]:
        return {"name": "S", "metadata": {_scratch.SCRATCH_MARK: mark}}

    assert _scratch.is_abandoned(config(f"{socket.gethostname()} {tmp_path}/gone"))
    assert not _scratch.is_abandoned(config(f"{socket.gethostname()} {tmp_path}"))
    assert not _scratch.is_abandoned(config(f"another-host {tmp_path}/gone"))
    assert not any(map(_scratch.is_abandoned, ({}, {"metadata": None}, {"metadata": {}}, config(""), config("x"))))


def test_the_port_is_read_when_it_has_been_written_whole(tmp_path: pathlib.Path) -> None:
    assert _scratch.told_port(str(tmp_path)) == 0
    file = tmp_path / "nats-server_7.ports"
    file.write_text('{"nats": ["nats://127.0')
    assert _scratch.told_port(str(tmp_path)) == 0
    file.write_text(json.dumps({"nats": ["nats://127.0.0.1:4711"]}))
    assert _scratch.told_port(str(tmp_path)) == 4711
