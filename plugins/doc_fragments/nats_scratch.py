# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say where streams are restored to for a proof, written once."""

from __future__ import annotations


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION = r"""
options:
  nats_server_binary:
    description:
      - The program C(nats-server) that runs the scratch server, for backups of streams. If not given, the one on the search path.
      - Archives that a server from 2.15 has made need a program from 2.15.
    type: path
  scratch_account:
    description:
      - An account of a NATS server to restore streams into, instead of a scratch server of its own. It has to be empty.
      - Every stream that is made in it is marked, and deleted afterwards. What a killed run has left is deleted by the next run on this
        host.
    type: dict
    suboptions:
      url:
        description:
          - Where the server is, such as V(nats://n1:4222), V(nats://user:password@n1:4222) or V(tls://n1:4222). Several servers of one
            cluster stand in a row, with commas between them; the first that answers is used.
          - Characters such as C(@), C(/), C(:) and C(%) in a password have to be percent-encoded in it;
            O(scratch_account.password) takes them as they are.
          - Mutually exclusive with O(scratch_account.servers).
        type: str
      servers:
        description:
          - The same as O(scratch_account.url), as a list.
        type: list
        elements: str
      credentials_file:
        description:
          - A file with a user's JWT and seed, as C(nsc) writes it.
          - Only one of O(scratch_account.credentials_file), O(scratch_account.nkey_seed_file), O(scratch_account.user) and
            O(scratch_account.token) can be given.
        type: path
      nkey_seed_file:
        description: A file with the seed of an nkey.
        type: path
      user:
        description: The user to log in as. Its account is the one whose streams are meant; see the how-to page on roles and rights.
        type: str
      password:
        description: The password of O(scratch_account.user).
        type: str
      token:
        description: A token, for servers that want nothing else.
        type: str
      tls_ca_file:
        description: A file with the certificates of the authorities that may sign the server's certificate, instead of the system's.
        type: path
      tls_cert_file:
        description: A file with the client's certificate. It needs O(scratch_account.tls_key_file).
        type: path
      tls_key_file:
        description: A file with the key of O(scratch_account.tls_cert_file).
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
