# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that lead to a Redis or Valkey server, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  login_host:
    description: Where the server is, a name or an address.
    type: str
    default: 127.0.0.1
  login_port:
    description: Its port.
    type: int
    default: 6379
  login_unix_socket:
    description: The server's Unix socket, instead of O(login_host) and O(login_port). O(tls) has no meaning then.
    type: path
  login_user:
    description: The user (ACL) to sign in as. If not given, it is the user V(default).
    type: str
  login_password:
    description: The password. O(login_password_file) is the better choice, as it leaves the password on the host.
    type: str
  login_password_file:
    description: A file on the host whose first line is the password.
    type: path
  tls:
    description: Speak TLS 1.2 or newer. The server's certificate and the name in it are always checked.
    type: bool
    default: false
  ca_cert:
    description: A file with the certificates of the authorities that may sign the server's, instead of the system's.
    type: path
  ssl_cert:
    description: A file with the client's certificate, for a server that demands one (C(tls-auth-clients)).
    type: path
  ssl_key:
    description: A file with the key of O(ssl_cert).
    type: path
  connect_timeout:
    description: How long to wait for a connection.
    type: str
    default: 10s
  idle_timeout:
    description: How long to wait for a server that sends nothing at all. While it prepares its data, it sends a sign of
      life each second.
    type: str
    default: 60s
"""

    SCRATCH = r"""
options:
  redis_server_binary:
    description: The server program to start, if not C(redis-server) or C(valkey-server), whichever the backup is of, on
      the search path.
    type: path
  redis_modules:
    description: Libraries of modules (C(.so)) that the server has to load, where the data hold values of theirs.
    type: list
    elements: path
    default: []
"""
