# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_references``: the keys of a bucket's objects."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_SPEC, exchange, taken_by
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import side_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

ENTRIES_SPEC: dict[str, dict[str, t.Any]] = {"prefix": {"type": "str", "default": ""}}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {"bucket": side_spec(), **ENTRIES_SPEC, **LOOK_SPEC}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_side

    options = module.params
    seconds = parse_duration("time_limit", options["time_limit"]).total_seconds()
    deadline = Deadline(seconds)
    taken_by(options["take"])
    side = open_side("bucket", options["bucket"], time_limit=seconds)
    return {"changed": False} if module.check_mode else exchange(options, _keys(side, options["prefix"], deadline))


def _keys(side: Side, prefix: str, deadline: Deadline) -> t.Iterator[str]:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY

    stream = Lister(side, prefix, Requests()).stream()
    while not stream.ended:
        deadline.check(f"Listing {side.name}")
        for row in stream.next_rows():
            yield row[KEY].decode("utf-8", "surrogateescape")
