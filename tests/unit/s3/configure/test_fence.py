# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The statement by which a bucket refuses writes, beside those of others."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _fence

OTHERS = {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow"}, {"Effect": "Deny"}]}


def test_others_statements_stay_word_by_word_and_the_fence_is_there_once() -> None:
    fenced = _fence.fenced_policy(OTHERS, "shop", "aws")
    assert fenced["Statement"][:2] == OTHERS["Statement"] and _fence.is_fenced(fenced) and not _fence.is_fenced(OTHERS)
    assert _fence.fenced_policy(fenced, "shop", "aws") == fenced
    assert _fence.unfenced_policy(fenced) == OTHERS
    assert fenced["Statement"][2]["Resource"] == "arn:aws:s3:::shop/*" and fenced["Statement"][2]["Effect"] == "Deny"


@pytest.mark.parametrize(
    ("region", "partition"),
    [(None, "aws"), ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")],
)
def test_a_region_is_in_its_partition(region: str | None, partition: str) -> None:
    assert _fence.partition_of(region) == partition
