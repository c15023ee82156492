# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``audit_info``: whether an audit log is whole, and what its last lines say."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import check
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "log": {"type": "path", "required": True},
    "newest": {"type": "int", "default": 20},
    "expect_head": {"type": "str"},
}
_MOST_SHOWN = 10_000
_SHOWN_BROKEN = 20


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the chain is broken, or the expected line is not in it."""
    options = module.params
    if not 0 <= options["newest"] <= _MOST_SHOWN:
        raise OptionError(f"newest is {options['newest']}.", hint=f"Use 0 to {_MOST_SHOWN}.")
    wanted, last = options["expect_head"], collections.deque[bytes](maxlen=options["newest"])
    try:
        with open(options["log"], "rb") as file:
            chain = check(_kept(file, last), wanted or "")
    except OSError as error:
        raise LifeboatError(
            f"log: {options['log']} cannot be read: {error.strerror}.",
            hint="Name the file that the option audit of the other modules names, and read it as who may.",
        ) from None
    result: dict[str, t.Any] = {
        "changed": False,
        "lines": chain.lines,
        "head": chain.head,
        "broken": [{"line": number, "why": why} for number, why in chain.broken[:_SHOWN_BROKEN]],
        "entries": [_entry(line) for line in last],
    }
    problems = [f"line {number}: {why}" for number, why in chain.broken[:1]]
    if wanted and not chain.seen:
        problems.append(f"the line {wanted} is not in it: lines were cut off, or it is another log")
    if problems:
        return {
            **result,
            "failed": True,
            "msg": f"{options['log']} is not what was written. " + "; ".join(problems) + ".",
        }
    return result


def _kept(file: t.Iterable[bytes], last: collections.deque[bytes]) -> t.Iterator[bytes]:
    for line in file:
        last.append(line)
        yield line


def _entry(line: bytes) -> dict[str, t.Any]:
    try:
        entry = read_json(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {"unreadable": line.decode("utf-8", "replace").strip()}
