# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_report``: the account of the newest run of an application, in four files."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import make_folders
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _render
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import account_of, canonical_json
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import read_ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    DRILLS_SPEC,
    ledger_repository,
    root_of,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**DRILLS_SPEC, "report_dir": {"type": "path"}}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    app, folder = module.params["app"], module.params["report_dir"]
    ledger = read_ledger(ledger_repository(module.params), app, root_of(module.params))
    if not ledger.lines:
        did = "drilled" if module.params["drill"] else "failed over"
        raise LifeboatError(f"Nobody has ever {did} {app}: there is nothing to report.", hint="Look at app.")
    account = account_of(ledger)
    content = canonical_json(account)
    reports: dict[str, str] = {}
    changed = False
    if folder:
        contents = {
            "html": _render.render_html(account).encode("utf-8"),
            "markdown": _render.render_markdown(account).encode("utf-8"),
            "junit": _render.render_junit(account).encode("utf-8"),
            "json": content,  # the last: where it is, the others are
        }
        kind = "drill" if module.params["drill"] else "failover"
        stem = os.path.join(folder, f"{kind}_{app}_{account.epoch:06d}_{account.run_id}")
        reports = {kind: stem + suffix for kind, suffix in _SUFFIXES.items()}
        changed = any(not _is_written(reports[kind], text) for kind, text in contents.items())
        if changed and not module.check_mode:
            _write(folder, {reports[kind]: text for kind, text in contents.items()})
    return {
        "changed": changed,
        "outcome": account.outcome,
        "rto_seconds": account.rto_seconds,
        "rto_status": account.rto_status,
        "stores": [dataclasses.asdict(store) for store in account.stores],
        "ledger_sha256": account.ledger_sha256,
        "reports": reports,
    }


_SUFFIXES = {"json": ".json", "html": ".html", "markdown": ".md", "junit": ".junit.xml"}


def _is_written(path: str, content: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == content
    except OSError:
        return False


def _write(folder: str, contents: t.Mapping[str, bytes]) -> None:
    """Each file whole, readable by its owner alone. The report of a run that goes on replaces the one of before."""
    try:
        make_folders(folder)
        for path, content in contents.items():
            write_whole(path, content)
    except OSError as error:
        raise LifeboatError(
            f"report_dir: the report cannot be written into {folder}: {error.strerror}. The ledger has all of it.",
            hint="Name a folder that this account may write to, and run failover_report again.",
        ) from None
