# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``paths_references``: the files below a folder, by their paths within it."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_SPEC, exchange, taken_by

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ENTRIES_SPEC: dict[str, dict[str, t.Any]] = {"below": {"type": "str", "default": ""}}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "folder": {"type": "path", "required": True},
    **ENTRIES_SPEC,
    **LOOK_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    taken_by(options["take"])
    if module.check_mode:
        return {"changed": False}
    top = os.path.join(options["folder"], options["below"].strip("/"))
    if not os.path.isdir(top):
        raise SourceError(f"{top} is not a folder.", hint="Check folder, and below.")
    return exchange(options, _files(top, deadline))


def _files(top: str, deadline: Deadline) -> t.Iterator[str]:
    for folder, _folders, files in os.walk(top, onerror=_raise):
        deadline.check(f"Reading {top}")
        yield from (os.path.relpath(os.path.join(folder, name), top) for name in files)


def _raise(error: OSError) -> t.NoReturn:
    raise error
