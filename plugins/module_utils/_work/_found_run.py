# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every module does that proves what others have left in a folder: one proof for each, whatever the others say."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import CLOCK_TOLERANCE
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import PROFILES

FOUND_SPEC: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "pattern": {"type": "str", "default": "*"},
    "which": {"type": "str", "choices": ["newest", "all"], "default": "newest"},
    "app": {"type": "str", "default": "adopted"},
    "profile": {"type": "str", "choices": list(PROFILES), "default": "full"},
    "report_dir": {"type": "path"},
    "time_limit": {"type": "str"},
    **PROGRESS_SPEC,
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_Item = t.TypeVar("_Item")


def component_of(path: str, otherwise: str) -> str:
    """What the component is called in the report of the file or folder at ``path``."""
    return _NOT_IN_NAMES.sub("-", os.path.basename(path)).strip("-._")[:63] or otherwise


def proofs_of(
    items: t.Sequence[_Item],
    described: t.Callable[[_Item], dict[str, t.Any]],
    prove: t.Callable[[_Item], dict[str, t.Any]],
    *,
    newest: bool,
) -> dict[str, t.Any]:
    """The ``proofs`` of all and their ``verdict``; ``failed`` where one is not proven.

    ``described`` gives what is known of an item (with its ``path`` and ``age_seconds``), ``prove`` its proof, or a
    LifeboatError: that keeps no other from being proven. With ``newest`` they are those of their series, by their
    times: one from the future is not proven. Raises DeadlineError: then there is no time for the others either.
    """

    def proof(item: _Item) -> dict[str, t.Any]:
        if newest:
            _check_time(described(item))
        return prove(item)

    proofs = [{**described(item), **_proof_or_reason(described(item)["path"], item, proof)} for item in items]
    result: dict[str, t.Any] = {"proofs": proofs, "verdict": "passed"}
    bad = [proof["msg"] for proof in proofs if proof["verdict"] != "passed"]
    if bad:
        result |= {"verdict": "failed", "failed": True, "msg": "\n".join(bad)}
    return result


def _check_time(known: t.Mapping[str, t.Any]) -> None:
    """Raise LifeboatError for one that would be the newest of its series for ever."""
    if known["age_seconds"] < -CLOCK_TOLERANCE.total_seconds():
        raise LifeboatError(
            f"it is from the future ({known['modified']}): a clock was wrong then, or is now. It would hide every "
            "later one.",
            hint="Set the clock right, and its time (touch); or prove all of them with which: all.",
        )


def _proof_or_reason(path: str, item: _Item, prove: t.Callable[[_Item], dict[str, t.Any]]) -> dict[str, t.Any]:
    try:
        return prove(item)
    except DeadlineError:
        raise
    except LifeboatError as error:
        return {
            "verdict": "failed",
            "msg": f"{path} could not be proven: {' '.join([str(error), error.hint]).strip()}",
            "report_files": error.details.get("report_files", {}),
        }
