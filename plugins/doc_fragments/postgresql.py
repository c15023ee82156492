# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that lead to a PostgreSQL server and to its programs, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  dsn:
    description:
      - Where the database is, as a connection string of libpq, such as V(postgresql://backup@db1:5432/codex?sslmode=require).
      - Characters such as C(@), C(/), C(:) and C(%) in a password have to be percent-encoded in it.
        O(login_password) takes them as they are.
      - What neither this nor a C(login_*) option says comes from the environment (E(PGHOST), E(PGUSER), E(PGSERVICE)
        and so on), a
        service file, and a password file, as for every program of PostgreSQL.
    type: str
  login_host:
    description: The server's host name or address. Overrides the one in O(dsn).
    type: str
  login_port:
    description: The server's port.
    type: int
  login_user:
    description: The role to log in as. It needs to read everything; see the how-to page on roles and rights.
    type: str
  login_password:
    description: The role's password. It travels to PostgreSQL's programs in their environment, never in their
      arguments.
    type: str
  login_db:
    description: The database.
    type: str
  login_unix_socket:
    description: The folder of the server's socket, instead of O(login_host).
    type: path
  ssl_mode:
    description: Whether and how the connection is encrypted and the server is checked, as C(sslmode) of libpq.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  ca_cert:
    description: A file with the certificates of the authorities that may sign the server's certificate.
    type: path
  ssl_cert:
    description: A file with the client's certificate.
    type: path
  ssl_key:
    description: A file with the client's key.
    type: path
  connect_params:
    description: Other parameters of libpq, such as C(service) or C(target_session_attrs).
    type: dict
"""

    TOOLS = r"""
options:
  bin_dir:
    description:
      - The folder of PostgreSQL's programs. If not given, those of the server's major version are looked for, in
        C(/usr/lib/postgresql/N/bin), C(/usr/pgsql-N/bin) and the search path.
    type: path
  allow_vulnerable_client:
    description:
      - Use programs of PostgreSQL that have known security holes. Do this only with servers and backups that you trust.
    type: bool
    default: false
"""

    SCRATCH = r"""
options:
  scratch_dir:
    description:
      - Where the scratch cluster's folder is made. It needs as much room as the database, and is removed afterwards.
      - Keep the path short, as it holds a socket.
    type: path
    default: /var/tmp
  scratch_preload_libraries:
    description:
      - Libraries that the scratch server loads when it starts (C(shared_preload_libraries)). Name those that the
        database does not work without, such as C(timescaledb), C(pg_cron), or the provider of its security labels.
        They have to be installed on this host.
      - They run in the sandbox with everything else. Only a superuser of this host can install one.
    type: list
    elements: str
    default: []
"""
