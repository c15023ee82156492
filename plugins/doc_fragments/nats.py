# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that lead to an account of a NATS server, written once.

A module that has them within another option builds that one's C(suboptions) with the same text: see
C(connection_options).
"""

from __future__ import annotations

import textwrap

_CONNECTION = """
url:
  description:
    - Where the server is, such as V(nats://n1:4222), V(nats://user:password@n1:4222) or V(tls://n1:4222). Several
      servers of one
      cluster stand in a row, with commas between them; the first that answers is used.
    - With V(ws://n1:8080) or V(wss://n1:8443) over a WebSocket, for which the Python library C(aiohttp) is needed.
    - Characters such as C(@), C(/), C(:) and C(%) in a password have to be percent-encoded in it. O({within}password)
      takes them as
      they are.
    - Mutually exclusive with O({within}servers).
  type: str
servers:
  description:
    - The same as O({within}url), as a list.
  type: list
  elements: str
credentials_file:
  description:
    - A file with a user's JWT and seed, as C(nsc) writes it.
    - Only one of O({within}credentials_file), O({within}nkey_seed_file), O({within}user) and O({within}token) can be
      given.
  type: path
nkey_seed_file:
  description: A file with the seed of an nkey.
  type: path
user:
  description: The user to log in as. Its account is the one whose streams are meant; see the how-to page on roles and
    rights.
  type: str
password:
  description: The password of O({within}user).
  type: str
token:
  description: A token, for servers that want nothing else.
  type: str
tls_ca_file:
  description: A file with the certificates of the authorities that may sign the server's certificate, instead of the
    system's.
  type: path
tls_cert_file:
  description: A file with the client's certificate. It needs O({within}tls_key_file).
  type: path
tls_key_file:
  description: A file with the key of O({within}tls_cert_file).
  type: path
domain:
  description: The JetStream domain, where it is not the server's own.
  type: str
inbox_prefix:
  description: What the subjects of the answers begin with, where the user may not subscribe to V(_INBOX.>).
  type: str
  default: _INBOX
connect_timeout:
  description: How many seconds to wait for a server to answer.
  type: float
  default: 10.0
"""


def connection_options(within: str = "") -> str:
    """The options, as YAML. ``within`` is the path to the option whose suboptions they are, with a dot at its end."""
    return textwrap.indent(_CONNECTION.format(within=within).strip(), "  " * (1 + 2 * within.count(".")))


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = f"""
options:
{connection_options()}
"""
