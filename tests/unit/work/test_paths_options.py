# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused of the options of a proof of files, and of a component of a plan."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._work._paths_verify import check_proof
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors

_GOOD = {
    "restic_repository": None,
    "restic_password_file": "/etc/password",
    "restic_lock_timeout": "5m",
    "restic_read_data_subset": "5%",
    "restic_sample_files": 1,
    "restic_sample_bytes": 1,
}


@pytest.mark.parametrize("subset", ["5%", "2.5%", "100%", "1/20", "2G", "500M", "0"])
def test_a_part_of_the_data_is_taken(subset: str) -> None:
    check_proof({**_GOOD, "restic_read_data_subset": subset})


@pytest.mark.parametrize("subset", ["", "all", "%", "5", "1/", "-1%"])
def test_what_is_no_part_of_the_data_is_refused(subset: str) -> None:
    with pytest.raises(OptionError, match="restic_read_data_subset"):
        check_proof({**_GOOD, "restic_read_data_subset": subset})


def test_a_plan_names_the_component_whose_options_cannot_be_right() -> None:
    component = {
        "name": "files",
        "engine": "paths",
        "paths": ["/srv/shop"],
        "restic_repository": "/srv/restic",
        "restic_password_file": "/etc/password",
    }
    plan = {"app": "shop", "repositories": [{"path": "/b"}], "components": [component]}
    assert plan_errors(plan) == []
    (error,) = plan_errors({**plan, "components": [{**component, "paths": ["srv"]}]})
    assert error.startswith("components[0]: paths: 'srv' is not an absolute path.")
    (error,) = plan_errors({**plan, "components": [{**component, "exclued": ["x"]}]})
    assert "Did you mean exclude?" in error
