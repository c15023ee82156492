# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From what was found to a first plan, as text with comments that a person goes on from. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, visible

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._discover._model import Found

_RIGHTS = {
    "postgresql": "As the server's own account through its socket: no password. Another role needs pg_read_all_data.",
    "jetstream": "Needs a user of that account (credentials_file: ...); lifeboat.dr.grants prints its least rights.",
    "redis": "Least rights: ACL SETUSER lifeboat on >PASSWORD resetchannels -@all +psync +replconf +info",
}
# Ansible runs what stands between these, and a plan is a file that it trusts. Whoever may create a database, or start
# a process on the host, has named what was found.
_TEMPLATE = re.compile(r"\{[{%#]")
_LEFT_OUT = "is named like a template of Ansible, which would run it: it is not in this plan. Give it another name."


def first_plan(found: Found, app: str) -> str:
    """The text of a file with ``lifeboat_plan``; empty where nothing was found that a component could be."""
    found = usable(found)
    components = [*_databases(found), *_streams(found), *_key_stores(found)]
    if not components:
        return ""
    account = next((one.account for one in found.databases), "postgres")
    lines = [
        "# A first plan, written by plan_discover. Look at each line, and then check it:",
        "#   ansible-playbook lifeboat.dr.plan_check -e @THIS_FILE",
        "lifeboat_plan:",
        f"  app: {_quoted(name_of(app))}",
        f"  run_as: {_quoted(account)}",
        "  # failure_domain: eu-central-1           # where this host is",
        "  repositories:",
        "    - path: /var/backups/lifeboat",
        "    # - {bucket: my-backups, prefix: lifeboat, region: us-west-2}   # a copy elsewhere",
        "  # encryption:                            # without it, who can read a repository can read the data",
        "  #   recipients: [age1..., age1...]       # one key for operations, one that is kept offline",
        "  objectives: {rpo: 26h, rto: 4h}          # how much may be lost, how long a restore may take",
        "  schedule:",
        '    backup: "*-*-* 01:00"',
        '    prune: "*-*-* 06:00"',
        "    rehearsal: Sun 04:00                   # on a host that holds the key",
        "  retention:",
        "    keep: {within: 2d, daily: 14, weekly: 8, monthly: 12}",
        "  # notifications:",
        "  #   - {type: slack, url_file: /etc/lifeboat/slack.url}",
        "  #   - {type: healthchecks, url_file: /etc/lifeboat/ping.url}",
        "  components:",
        *components,
        *_comments(found),
    ]
    return "\n".join(lines) + "\n"


def usable(found: Found) -> Found:
    """What can be written into a plan; ``could_not_see`` says the rest."""
    databases = [one for one in found.databases if not _TEMPLATE.search(f"{one.name}\n{one.socket_dir}\n{one.account}")]
    streams = [one for one in found.streams if not _TEMPLATE.search(one.url)]
    said = [f"the database {one.name} {_LEFT_OUT}" for one in found.databases if one not in databases]
    said += [f"the NATS server {one.url} {_LEFT_OUT}" for one in found.streams if one not in streams]
    return dataclasses.replace(found, databases=databases, streams=streams, could_not_see=[*found.could_not_see, *said])


def name_of(text: str, taken: set[str] | None = None) -> str:
    """A name of a component or an app out of any text, which nobody in ``taken`` has yet."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:50] or "unnamed"
    number, unique = 2, name
    while taken is not None and unique in taken:
        unique, number = f"{name}-{number}", number + 1
    if taken is not None:
        taken.add(unique)
    return unique


def _databases(found: Found) -> t.Iterator[str]:
    taken: set[str] = set()
    for one in found.databases:
        role = ", a standby" if one.is_standby else ""
        yield from (
            f"    # PostgreSQL {_comment(one.version)}, {format_bytes(one.bytes)}{role}. {_RIGHTS['postgresql']}",
            f"    - name: {_quoted(name_of(one.name, taken))}",
            "      engine: postgresql",
            f"      login_unix_socket: {_quoted(one.socket_dir)}",
            f"      login_port: {one.port}",
            f"      login_db: {_quoted(one.name)}",
            "      max_age: 20h",
        )


def _streams(found: Found) -> t.Iterator[str]:
    taken = {name_of(one.name) for one in found.databases}
    for one in found.streams:
        yield from (
            f"    # {len(one.names)} streams, {format_bytes(one.bytes)}: {_comment(', '.join(one.names[:8]))}",
            f"    # {_RIGHTS['jetstream']}",
            f"    - name: {_quoted(name_of(f'streams-{one.account}', taken))}",
            "      engine: jetstream",
            f"      url: {_quoted(one.url)}",
            "      max_age: 20h",
        )


def _key_stores(found: Found) -> t.Iterator[str]:
    taken = {name_of(one.name) for one in found.databases}
    for one in found.key_stores:
        yield from (
            f"    # {one.program}. {_RIGHTS['redis']}",
            f"    - name: {_quoted(name_of(f'keys-{one.port}', taken))}",
            "      engine: redis",
            f"      login_port: {one.port}",
            *(["      cluster: true"] if one.is_cluster else []),
            "      max_age: 20h",
        )


def _comments(found: Found) -> t.Iterator[str]:
    """What a person has to decide on."""
    if found.folders:
        yield "    # Folders that something writes to. Those that would be missed are a component of the engine paths:"
        yield from (f"    #   {_comment(one.path)} ({_comment(one.of)})" for one in found.folders)
        yield "    # - {name: files, engine: paths, paths: [...], restic_repository: ..., restic_password_file: ...}"
    for title, lines in (
        ("What is dumped by cron today; once the plan works, it can go", found.dumps_of_today),
        ("Stanzas of pgBackRest, which go on beside this", found.stanzas),
        ("What could not be seen", found.could_not_see),
    ):
        if lines:
            yield f"# {title}:"
            yield from (f"#   {_comment(line)}" for line in lines)


def _quoted(text: str) -> str:
    """A scalar of YAML that is this text and nothing else; bare where it cannot be taken for something else."""
    if re.fullmatch(r"[a-z/][a-z_./-]*", text) and text not in (
        "y",
        "n",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
    ):
        return text
    return '"' + "".join(one if " " <= one <= "~" and one not in '"\\' else f"\\U{ord(one):08X}" for one in text) + '"'


def _comment(text: str) -> str:
    """Text that stays in its comment."""
    return visible(text.replace("\n", " "))
