# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exclusive creation in S3: a server that ignores the condition must never be trusted with a ledger."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_exclusive import (
    put_if_absent,
    require_conditional_writes,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store

from tests.unit.repository.mock_s3 import MockS3Client, refusal

REFUSED = refusal("PreconditionFailed", 412)
StoreOf = t.Callable[..., S3Store]


def head(writer: str) -> dict[str, t.Any]:
    return {"ContentLength": 5, "Metadata": {"lifeboat-writer": writer}}


@pytest.mark.parametrize(
    "answers",
    [[{}, {}], [refusal("NotImplemented", 501)], [refusal("InvalidArgument", 400)]],
    ids=["ignores it", "does not have it", "calls it invalid"],
)
def test_a_server_that_does_not_keep_to_the_condition_is_refused(store_of: StoreOf, answers: list[t.Any]) -> None:
    client = MockS3Client(put_object=answers, head_object=head("other"), delete_object={})
    with pytest.raises(RepositoryError, match="does not keep to If-None-Match"):
        require_conditional_writes(store_of(client), "probe")
    assert client.calls[-1][0] == "delete_object"


def test_a_server_that_refuses_the_second_write_is_trusted(store_of: StoreOf) -> None:
    client = MockS3Client(put_object=[{}, REFUSED], head_object=head("other"), delete_object={})
    require_conditional_writes(store_of(client), "probe")


def test_a_write_whose_answer_was_lost_counts_as_ours(store_of: StoreOf) -> None:
    client = MockS3Client(put_object=[refusal("InternalError", 500), REFUSED], head_object={})
    ours: list[str] = []

    def remember(**arguments: t.Any) -> dict[str, t.Any]:
        ours.append(client.calls[0][1]["Metadata"]["lifeboat-writer"])
        return head(ours[0])

    client.head_object = remember  # type: ignore[method-assign]
    assert put_if_absent(store_of(client), "line", b"content")


def test_another_writers_object_is_not_ours(store_of: StoreOf) -> None:
    assert not put_if_absent(
        store_of(MockS3Client(put_object=[REFUSED], head_object=head("other"))), "line", b"content"
    )
