# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The modules' options that lead to a database: the documentation fragment ``lifeboat.dr.postgresql`` describes
them.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ACCOUNT_SPEC

CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "dsn": {"type": "str", "no_log": True},  # it may hold a password
    "login_host": {"type": "str"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_db": {"type": "str"},
    "login_unix_socket": {"type": "path"},
    "ssl_mode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
    "ca_cert": {"type": "path"},
    "ssl_cert": {"type": "path"},
    "ssl_key": {"type": "path", "no_log": False},  # the place of a key
    "connect_params": {"type": "dict", "no_log": True},
}

TOOLS_SPEC: dict[str, dict[str, t.Any]] = {
    "bin_dir": {"type": "path"},
    "allow_vulnerable_client": {"type": "bool", "default": False},
}

SCRATCH_SPEC: dict[str, dict[str, t.Any]] = {
    "scratch_dir": {"type": "path", "default": "/var/tmp"},
    "scratch_preload_libraries": {"type": "list", "elements": "str", "default": []},
    **ACCOUNT_SPEC,
}
_LIBRARY = re.compile(r"[A-Za-z0-9_$./-]+")  # no comma, quote or space: the setting is a list of words


def preloaded(options: t.Mapping[str, t.Any]) -> str:
    """The libraries that a scratch server loads when it starts, as PostgreSQL's setting. Raises OptionError."""
    names: list[str] = options["scratch_preload_libraries"]
    for name in names:
        if not _LIBRARY.fullmatch(name):
            raise OptionError(
                f"scratch_preload_libraries: {name!r} is not the name of a library.",
                hint="Name each library as shared_preload_libraries of the source does, such as timescaledb.",
            )
    return ",".join(names)
