# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An option of s3_recover is used, or refused by its name: none is ignored."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _s3_recover
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_recover import ARGUMENT_SPEC, check_options

_STATES = ARGUMENT_SPEC["state"]["choices"]
_GIVEN: dict[str, t.Any] = {
    "prefix": "chunks/",
    "confirm_bucket": "b",
    "sides": "source",
    "deleted_after": "1h",
    "deleted_before": "1m",
    "replica_lag": "1h",
    "version_at": "1h",
    "on_conflict": "fail",
    "pause_forward": False,
    "revert_journal": "/j",
    "resync": "failed",
    "method": "stream",
    "grace": "0s",
    "batch_role_arn": "arn:aws:iam::123456789012:role/r",
    "report_bucket": "r",
    "wait": False,
}
_OF_ALL = {
    "state", "source", "destination", "backend", "state_dir", "parallel", "time_limit", "journal_path", "progress_file",
}  # fmt: skip


def _options(**given: t.Any) -> dict[str, t.Any]:
    sides = {"source": {"bucket": "one"}, "destination": {"bucket": "other"}}
    validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate({**sides, **given})
    assert not validated.error_messages
    return dict(validated.validated_parameters)


def test_every_option_is_for_all_states_or_for_named_ones() -> None:
    assert set(ARGUMENT_SPEC) == _OF_ALL | set(_GIVEN)
    assert set(_s3_recover._BELONGS_TO) == set(_GIVEN)


@pytest.mark.parametrize("state", _STATES)
@pytest.mark.parametrize("name", _GIVEN)
def test_an_option_of_another_state_is_refused_by_its_name(name: str, state: str) -> None:
    more = {"version_at": "1h"} if (name, state) == ("method", "undeleted") else {}
    options = _options(state=state, **{**more, name: _GIVEN[name]})
    states = _s3_recover._BELONGS_TO[name]
    if state in states:
        check_options(options)
        return
    with pytest.raises(
        OptionError, match=rf"^{name}: .* does not belong to state: {state}, but to {states[0]}"
    ) as caught:
        check_options(options)
    assert "Nothing was changed" in caught.value.message


@pytest.mark.parametrize("state", _STATES)
def test_no_default_is_taken_for_an_option_that_was_given(state: str) -> None:
    check_options(_options(state=state))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"state": "undeleted", "version_at": "1h", "deleted_after": "2h"}, "does not go with version_at"),
        ({"state": "undeleted", "deleted_after": "2h", "method": "stream"}, "copies only with version_at"),
        ({"state": "failed_back", "method": "batch"}, "does not belong to state: failed_back"),
        ({"state": "resynced", "parallel": 65}, "parallel is 65"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, t.Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        check_options(_options(**given))
