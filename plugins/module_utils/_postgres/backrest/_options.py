# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The options by which every module of ours reaches a stanza of pgBackRest."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

STANZA_SPEC: dict[str, dict[str, t.Any]] = {
    "stanza": {"type": "str", "required": True},
    "pgbackrest_config": {"type": "path"},
    "pgbackrest_repo": {"type": "int", "default": 1},
    "pgbackrest_binary": {"type": "path", "default": "pgbackrest"},
    "pgbackrest_process_max": {"type": "int"},
    "pgbackrest_account": {"type": "str"},
}
_STANZA = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MOST_REPOS = 256


def check_stanza(options: t.Mapping[str, t.Any]) -> None:
    """Refuse what cannot be right. Raises OptionError; nothing has been touched."""
    if not _STANZA.fullmatch(options["stanza"]):
        raise OptionError(
            f"stanza: {options['stanza']!r} is not the name of a stanza.",
            hint="Write it as it stands in brackets in pgBackRest's configuration, such as main.",
        )
    if not 1 <= options["pgbackrest_repo"] <= _MOST_REPOS:
        raise OptionError(
            f"pgbackrest_repo is {options['pgbackrest_repo']}.", hint="1 is repo1 of pgBackRest's configuration."
        )
    if options["pgbackrest_process_max"] is not None and not 1 <= options["pgbackrest_process_max"] <= 999:
        raise OptionError(
            f"pgbackrest_process_max is {options['pgbackrest_process_max']}.", hint="Use 1 to 999; as many as cores."
        )
    config = options["pgbackrest_config"]
    if config and not os.path.isfile(config):
        raise OptionError(
            f"pgbackrest_config: {config} is not there, or this account may not see it.",
            hint="Name pgBackRest's configuration, and run the task as an account that reads it (postgres).",
        )
