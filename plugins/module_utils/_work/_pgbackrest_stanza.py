# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pgbackrest_stanza``: has pgBackRest keep a cluster: its configuration, its stanza, the archiving."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._configuration import (
    BACKREST_REPOSITORY_SPEC,
    MOST_REPOSITORIES,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import STANZA_SPEC, check_stanza
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _archiving

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

CONFIGURE_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "pgbackrest_repositories": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": BACKREST_REPOSITORY_SPEC,
        "mutually_exclusive": [["path", "bucket"]],
        "required_one_of": [["path", "bucket"]],
        "required_together": [["access_key", "secret_key"]],
    },
    "compress_level": {"type": "int", "default": 3},
    "archive_timeout": {"type": "str", "default": "60s"},
    "replace": {"type": "bool", "default": False},
    "time_limit": {"type": "str", "default": "10m"},
}
"""What a plan says of a stanza that is to be made."""

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **{name: option for name, option in STANZA_SPEC.items() if name != "pgbackrest_repo"},
    "pgbackrest_config": {"type": "path", "required": True},
    **CONFIGURE_SPEC,
    "keep_days": {"type": "int"},
    "state_dir": {"type": "path", "default": "/var/lib/lifeboat/pgbackrest"},
}
_MOST_DAYS = 9_999_999
_LEFT = "What was made until then stays. Run it again to finish it."


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest import _setup

    options = module.params
    timeout, deadline = _checked(options)
    session = connection_from_options(options).connect()
    try:
        with session.cursor() as cursor, left_when_stopped(_LEFT):
            made = _setup.make(options, cursor, timeout, deadline, check_mode=module.check_mode)
            state = _archiving.read_archiver(cursor)
    finally:
        session.close()
    for worry in _archiving.worries(state):
        module.warn(worry)
    return {
        "changed": bool(made.changes),
        "stanza": options["stanza"],
        "pgbackrest_version": made.version,
        "system_identifier": made.system_identifier,
        "restart_required": made.restart_required,
        "checked": made.checked,
        "archiver": {**dataclasses.asdict(state), "slots": list(state.slots)},
        "diff": {"before": "", "after": "".join(f"{change}\n" for change in made.changes)},
    }


def _checked(options: t.Mapping[str, t.Any]) -> tuple[int, Deadline]:
    """The archive timeout in seconds, and the deadline. Raises OptionError; nothing has been touched."""
    check_stanza({**options, "pgbackrest_repo": 1, "pgbackrest_config": None})
    for name in ("pgbackrest_config", "state_dir"):
        if not os.path.isabs(options[name]):
            raise OptionError(f"{name}: {options[name]!r} is not absolute.", hint="Write the whole path.")
    if os.geteuid() == 0:
        raise OptionError(
            "This runs as root, who would leave files that the account of the server cannot open. Nothing was touched.",
            hint="Run the task as the account of the server: become_user: postgres.",
        )
    check_repositories(options["pgbackrest_repositories"])
    if options["keep_days"] is not None and not 0 <= options["keep_days"] <= _MOST_DAYS:
        raise OptionError(f"keep_days is {options['keep_days']}.", hint="Give days, or leave it out to keep all.")
    if not -7 <= options["compress_level"] <= 22:
        raise OptionError(f"compress_level is {options['compress_level']}.", hint="zstd has the levels -7 to 22.")
    timeout = int(parse_duration("archive_timeout", options["archive_timeout"]).total_seconds())
    return timeout, Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())


def check_repositories(entries: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Refuse a number of repositories that pgBackRest does not have. Raises OptionError."""
    if not 1 <= len(entries) <= MOST_REPOSITORIES:
        raise OptionError(
            f"pgbackrest_repositories has {len(entries)} entries.", hint=f"Give 1 to {MOST_REPOSITORIES}."
        )


def check_component(values: t.Mapping[str, t.Any], place: str) -> None:
    """Refuse a component of a plan whose stanza could not be made. Raises OptionError."""
    wanted = values.get("configure")
    if not wanted:
        return
    if not values.get("pgbackrest_config"):
        raise OptionError(
            f"{place}configure is given, and pgbackrest_config is not: nobody knows where the configuration goes.",
            hint="Say pgbackrest_config: /etc/lifeboat/pgbackrest/main.conf.",
        )
    if values.get("take") in (None, "none"):
        raise OptionError(
            f"{place}configure is given, and take is none: nothing would ever take a backup.",
            hint="Say take: auto, or another kind.",
        )
    check_repositories(wanted["pgbackrest_repositories"])
    parse_duration(f"{place}configure.archive_timeout", wanted["archive_timeout"])
    parse_duration(f"{place}configure.time_limit", wanted["time_limit"])


def repositories_without_backups(components: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[str]:
    """What is wrong with stanzas that a plan makes: a backup goes to one repository, the log goes to all of them."""
    taken = {
        (one.get("stanza"), one.get("pgbackrest_repo") or 1)
        for one in components
        if one.get("engine") == "pgbackrest" and one.get("take") not in (None, "none")
    }
    for one in components:
        stanza = one.get("stanza")
        entries = (one.get("configure") or {}).get("pgbackrest_repositories") or []
        for number in range(1, len(entries) + 1):
            if (stanza, number) not in taken:
                yield (
                    f"components: {one.get('name')} makes the stanza {stanza} in {len(entries)} repositories, and no "
                    f"component takes backups into the one with the number {number}: only the log would be there. Add "
                    f"a component with stanza: {stanza}, pgbackrest_repo: {number} and take: auto."
                )
