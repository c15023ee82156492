# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An option of s3_replication_info that its level does not use is refused by its name."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._verdict import LEVELS
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _s3_replication_info
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_replication_info import ARGUMENT_SPEC

_GIVEN: dict[str, t.Any] = {
    "grace": "1h", "max_pending": 3, "max_lag": "5m", "ignore_extra": True, "allow_empty": True,
    "delete_markers": False, "sample": 5, "sample_seed": "s", "max_samples": 3, "max_rechecks": 3, "max_heads": 3,
    "canary_timeout": "1m", "state_file": "/s",
}  # fmt: skip
_OF_ALL = {"source", "destination", "level", "prefix", "parallel", "cloudwatch", "time_limit", "progress_file"}


def test_every_option_is_for_all_levels_or_for_named_ones() -> None:
    assert set(ARGUMENT_SPEC) == _OF_ALL | set(_GIVEN)
    assert set(_s3_replication_info._BELONGS_TO) == set(_GIVEN)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", _GIVEN)
def test_an_option_of_another_level_is_refused(level: str, name: str) -> None:
    sides = {"source": {"bucket": "one"}, "destination": {"bucket": "other"}}
    given = ArgumentSpecValidator(ARGUMENT_SPEC).validate({**sides, "level": level, name: _GIVEN[name]})
    options = given.validated_parameters
    if level in _s3_replication_info._BELONGS_TO[name]:
        assert _s3_replication_info._options(options).level == level
        return
    with pytest.raises(OptionError, match=f"^{name}: .* does not belong to level: {level}"):
        _s3_replication_info._options(options)
