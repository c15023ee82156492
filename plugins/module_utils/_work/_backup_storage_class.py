# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_storage_class``: a bucket moves old artifacts to cheaper classes by a lifecycle rule of its own.

Only what is tagged as an artifact moves. Manifests, proofs and holds are not tagged: the catalog can always be read.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import ARTIFACT_TAG
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup, read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _apply, _lifecycle
from ansible_collections.lifeboat.dr.plugins.module_utils._work._repository_info import side_of

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = REPOSITORY_SPEC
_AMAZON_LIKE = ("aws", "ministack")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    entries = module.params["repositories"]
    names = [repository.name for repository in open_repositories(entries)]
    wanted = [(name, entry, _rule(entry)) for name, entry in zip(names, entries) if entry.get("bucket")]
    if not wanted:
        raise OptionError(
            "repositories: none of them is a bucket, and a directory has no storage classes.",
            hint="Give an entry with bucket and transitions.",
        )
    looks = [_look(name, entry, rule) for name, entry, rule in wanted]  # all is checked before anything is changed
    changed = [look for look in looks if look.after != list(look.before.lifecycle)]
    if not module.check_mode:
        for look in changed:
            _write(look)
    return {
        "changed": bool(changed),
        "repositories": [{"name": look.name, "changed": look in changed, "rule": look.rule} for look in looks],
        "diff": {
            "before": "".join(_text(look, look.before.lifecycle) for look in looks),
            "after": "".join(_text(look, look.after) for look in looks),
        },
    }


@dataclasses.dataclass(frozen=True)
class _Look:
    name: str
    side: Side
    rule: dict[str, t.Any] | None
    before: Setup
    after: list[dict[str, t.Any]]


def rule_id(prefix: str) -> str:
    """By what the rule of a repository is known again, beside those of others."""
    return f"lifeboat artifacts below {prefix or 'the bucket'}"[:255]


def _rule(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """The rule in its normal form; None where the entry asks for none. Raises OptionError."""
    prefix = str(entry.get("prefix") or "").strip("/")
    if not entry.get("transitions"):
        return None
    key, value = ARTIFACT_TAG
    return _lifecycle.from_option(
        {
            "id": rule_id(prefix),
            "prefix": f"{prefix}/" if prefix else "",
            "tags": {key: value},
            "transitions": entry["transitions"],
        }
    )


def _look(name: str, entry: t.Mapping[str, t.Any], rule: dict[str, t.Any] | None) -> _Look:
    side = side_of(entry)
    if rule is not None and find_profile(side).profile.name in _AMAZON_LIKE:
        _lifecycle.check_amazon([rule])
    setup = read_setup(side, public_access=False)
    if rule is not None and "lifecycle" in setup.missing:
        raise LifeboatError(
            f"transitions: {name} is on a server without lifecycle rules, which cannot move objects. Nothing was "
            "changed.",
            hint="Remove transitions, and give storage_class: the class that new objects get.",
        )
    own = rule_id(str(entry.get("prefix") or "").strip("/"))
    others = [one for one in setup.lifecycle if one.get("ID") != own]
    kept = list(setup.lifecycle) if rule is not None else others
    return _Look(name, side, rule, setup, _lifecycle.merge(kept, [rule] if rule else [], purge=False))


def _write(look: _Look) -> None:
    """Set the rules, and see that they are there: a server may take what it does not do."""
    _apply.write_lifecycle(look.side, dataclasses.replace(look.before, lifecycle=tuple(look.after)))
    now = [_lifecycle.normalise(rule) for rule in read_setup(look.side, public_access=False).lifecycle]
    if look.rule is not None and look.rule not in now:
        _apply.write_lifecycle(look.side, look.before)
        raise LifeboatError(
            f"transitions: the server of {look.name} took the rule and does not keep it as it was given. What was "
            "there before is set again.",
            hint="Remove transitions: on this server old artifacts stay in their class.",
            details={"given": look.rule, "kept": now},
        )


def _text(look: _Look, rules: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    return "".join(f"{look.name}: {_lifecycle.described(_lifecycle.normalise(rule))}\n" for rule in rules)
