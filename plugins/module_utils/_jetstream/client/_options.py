# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The modules' options that lead to an account of a NATS server: the documentation fragment ``lifeboat.dr.nats``
describes them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "url": {"type": "str", "no_log": True},  # it may hold a password or a token
    "servers": {"type": "list", "elements": "str", "no_log": True},  # so may these
    "credentials_file": {"type": "path"},
    "nkey_seed_file": {"type": "path", "no_log": False},  # the place of a seed
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "tls_ca_file": {"type": "path"},
    "tls_cert_file": {"type": "path"},
    "tls_key_file": {"type": "path", "no_log": False},  # the place of a key
    "domain": {"type": "str"},
    "inbox_prefix": {"type": "str", "default": "_INBOX"},
    "connect_timeout": {"type": "float", "default": 10.0},
}
CONNECTION_RULES: dict[str, t.Any] = {
    "mutually_exclusive": [
        ("url", "servers"),
        ("credentials_file", "nkey_seed_file", "user", "token"),
    ],
    "required_together": [("tls_cert_file", "tls_key_file"), ("user", "password")],
    "required_one_of": [("url", "servers")],
}


def check_connection(options: t.Mapping[str, t.Any], place: str = "") -> None:
    """Rules that hold for options of the connection together.

    Raises OptionError, never with a value: it may be a secret.
    """
    if bool(options["url"]) == bool(options["servers"]):
        both = "both are" if options["url"] else "none of them is"
        raise OptionError(f"{place}url and servers: {both} given.", hint="Give one of them: url: nats://host:4222")
    identities = [name for name in ("credentials_file", "nkey_seed_file", "user", "token") if options[name]]
    if len(identities) > 1:
        raise OptionError(
            f"{place}{' and '.join(identities)} are given.", hint="Give one of them: a connection has one user."
        )
    for first, second in (("tls_cert_file", "tls_key_file"), ("user", "password")):
        if bool(options[first]) != bool(options[second]):
            raise OptionError(f"{place}{first} and {second} belong together, and one of them is missing.")
