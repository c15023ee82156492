# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``repository_info``: what the plan alone does not tell of repositories and keys. It only asks."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_keys import read_recipients_file
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _lifecycle
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3_CONNECTION_SPEC, S3Settings

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**REPOSITORY_SPEC, "recipients_file": {"type": "path"}}
_FEW_RETRIES, _FEW_SECONDS = 1, 5.0  # whoever checks a plan wants to know soon that nobody answers


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    names = [repository.name for repository in open_repositories(options["repositories"])]
    result: dict[str, t.Any] = {
        "changed": False,
        "repositories": [_asked(name, entry) for name, entry in zip(names, options["repositories"])],
    }
    if options["recipients_file"]:
        result["recipients"] = _recipients(options["recipients_file"])
    return result


def side_of(entry: t.Mapping[str, t.Any]) -> Side:
    """The bucket of an entry of ``repositories``, to ask for its setup."""
    given = {name: entry[name] for name in ("bucket", *S3_CONNECTION_SPEC) if entry.get(name) is not None}
    return Side("repository", S3Settings(**given))


def _asked(name: str, entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if not entry.get("bucket"):
        return {"name": name, "bucket": None, "asked": False, "why": "It is a directory, which nobody else expires."}
    quick = {"retries": _FEW_RETRIES, "connect_timeout": _FEW_SECONDS}
    try:
        setup = read_setup(side_of({**entry, **quick}), public_access=False)
    except LifeboatError as error:
        return {"name": name, "bucket": entry["bucket"], "asked": False, "why": str(error)}
    return {
        "name": name,
        "bucket": entry["bucket"],
        "prefix": str(entry.get("prefix") or "").strip("/"),
        "asked": True,
        "why": "",
        "unknown": sorted(setup.missing),
        "versioning": setup.versioning,
        "object_lock": setup.lock.described(),
        "lifecycle": [_lifecycle.normalise(rule) for rule in setup.lifecycle],
    }


def _recipients(path: str) -> dict[str, t.Any]:
    """How many keys the file names: the same key twice is one."""
    try:
        keys = {text.split("#", 1)[0].strip() for _where, text in read_recipients_file(path)}
    except LifeboatError as error:
        return {"count": None, "why": str(error)}
    return {"count": len(keys), "why": ""}
