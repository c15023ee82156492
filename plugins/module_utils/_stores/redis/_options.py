# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The modules' options that lead to a Redis server: the documentation fragment ``lifeboat.dr.redis`` describes them."""

from __future__ import annotations

import typing as t

CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int", "default": 6379},
    "login_unix_socket": {"type": "path"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "login_password_file": {"type": "path", "no_log": False},  # the place of a password
    "tls": {"type": "bool", "default": False},
    "ca_cert": {"type": "path"},
    "ssl_cert": {"type": "path"},
    "ssl_key": {"type": "path", "no_log": False},  # the place of a key
    "connect_timeout": {"type": "str", "default": "10s"},
    "idle_timeout": {"type": "str", "default": "60s"},
}
