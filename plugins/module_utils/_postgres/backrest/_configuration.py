# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The configuration of pgBackRest for one stanza, as a file that holds all of it; and what a change to it may not do.

The options are those of pgBackRest 2.41 and newer (``build/config/config.yaml``). Pure, but for reading cipher passes.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

BACKREST_REPOSITORY_SPEC: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path"},
    "bucket": {"type": "str"},
    "prefix": {"type": "str", "default": "pgbackrest"},
    "region": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "access_key": {"type": "str", "no_log": False},  # an identifier
    "secret_key": {"type": "str", "no_log": True},
    "addressing_style": {"type": "str", "choices": ["auto", "path", "virtual"], "default": "auto"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_bundle": {"type": "path"},
    "cipher_pass_file": {"type": "path"},
}
MOST_REPOSITORIES = 4
_HEAD = "# Written by lifeboat.dr.pgbackrest_stanza, which replaces what is changed here by hand.\n"
_SHORTEST_PASS = 20
_PLACE = ("type", "path", "s3-bucket", "s3-endpoint", "storage-port")
_CIPHER = ("cipher-type", "cipher-pass")


@dataclasses.dataclass(frozen=True)
class Server:
    """The server as pgBackRest reaches it, over its local socket."""

    data_dir: str
    port: int
    socket_dir: str
    user: str


def configuration(options: t.Mapping[str, t.Any], server: Server, processes: int) -> str:
    """The whole file. Raises OptionError for what pgBackRest could not do."""
    state = options["state_dir"]
    general = {
        "log-path": f"{state}/log",
        "lock-path": f"{state}/lock",
        "spool-path": f"{state}/spool",
        "process-max": str(processes),
        "compress-type": "zst",
        "compress-level": str(options["compress_level"]),
        "start-fast": "y",
        "archive-async": "y",
    }
    for number, entry in enumerate(options["pgbackrest_repositories"], 1):
        place = f"pgbackrest_repositories[{number - 1}]"
        found = {**_place(place, entry), **_cipher(place, entry)}
        if options["keep_days"]:
            # By time: a full backup goes only when another one is older than that, too, so the window stays whole.
            found |= {"retention-full-type": "time", "retention-full": str(options["keep_days"])}
        general |= {f"repo{number}-{name}": text for name, text in found.items()}
    stanza = {
        "pg1-path": server.data_dir,
        "pg1-port": str(server.port),
        "pg1-socket-path": server.socket_dir,
        "pg1-user": server.user,
    }
    # A push that is asked for waits for these processes; a backup has the others.
    pushing = {"process-max": str(max(1, processes // 2))}
    sections = (("global", general), ("global:archive-push", pushing), (options["stanza"], stanza))
    return _HEAD + "".join(
        f"\n[{name}]\n" + "".join(f"{key}={_one_line(key, text)}\n" for key, text in values.items())
        for name, values in sections
    )


def _place(place: str, entry: t.Mapping[str, t.Any]) -> dict[str, str]:
    if entry["path"]:
        if not os.path.isabs(entry["path"]):
            raise OptionError(f"{place}.path: {entry['path']!r} is not absolute.", hint="Write the whole path.")
        return {"type": "posix", "path": os.path.normpath(entry["path"])}
    host, port = _endpoint(place, entry)
    style = {"path": "path", "virtual": "host"}.get(
        entry["addressing_style"], "path" if entry["endpoint_url"] else "host"
    )
    found = {
        "type": "s3",
        "path": "/" + entry["prefix"].strip("/"),
        "bundle": "y",  # many small files in one object
        "s3-bucket": entry["bucket"],
        "s3-endpoint": host,
        "s3-region": entry["region"] or "us-east-1",
        "s3-uri-style": style,
        "storage-verify-tls": "y" if entry["validate_certs"] else "n",
    }
    if port:
        found["storage-port"] = str(port)
    if entry["ca_bundle"]:
        found["storage-ca-file"] = entry["ca_bundle"]
    if entry["access_key"]:
        return {**found, "s3-key": entry["access_key"], "s3-key-secret": entry["secret_key"]}
    return {**found, "s3-key-type": "auto"}  # the role of the instance


def _endpoint(place: str, entry: t.Mapping[str, t.Any]) -> tuple[str, int]:
    if not entry["endpoint_url"]:
        if not entry["region"]:
            raise OptionError(f"{place}.region is not given.", hint="Name the region of the bucket, or endpoint_url.")
        return f"s3.{entry['region']}.amazonaws.com", 0
    try:
        address = urllib.parse.urlsplit(entry["endpoint_url"])
        host, port = address.hostname, address.port or 0
    except ValueError:
        host, port = None, 0
        address = urllib.parse.urlsplit("")
    if address.scheme != "https" or not host or address.path.strip("/") or address.username:
        raise OptionError(
            f"{place}.endpoint_url is not the address of a server that pgBackRest reaches: it speaks HTTPS alone.",
            hint="Write it like https://s3.example.com:9000, without a path and without credentials.",
        )
    return host, port


def _cipher(place: str, entry: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The cipher and its pass, which stands in the configuration alone: never in arguments, results and manifests."""
    path = entry["cipher_pass_file"]
    if not path:
        return {}
    option = f"{place}.cipher_pass_file"
    try:
        with open(path, encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(10_000).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            f"{option}: {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.",
            hint="Make one with: openssl rand -base64 48. Keep a copy elsewhere: without it no backup can be opened.",
        ) from None
    if mode & 0o077:
        raise OptionError(f"{option}: {path} can be read by others.", hint="Set its mode to 0600.")
    if len(text) < _SHORTEST_PASS or "\n" in text:
        raise OptionError(
            f"{option}: {path} does not hold one line of at least {_SHORTEST_PASS} characters.",
            hint="Make one with: openssl rand -base64 48.",
        )
    return {"cipher-type": "aes-256-cbc", "cipher-pass": text}


def _one_line(key: str, text: str) -> str:
    if "\n" in text or "\r" in text or text != text.strip():
        raise OptionError(f"What becomes {key} of pgBackRest is not one line of text without spaces around it.")
    return text


def check_change(old: str, new: str, *, replace: bool) -> None:
    """Refuse a change after which backups that are there could not be found or opened. Raises OptionError. Pure."""
    before, after = _repositories(old), _repositories(new)
    for place, cipher in before.items():
        where = " ".join(part for part in place if part)
        if place not in after and not replace:
            raise OptionError(
                f"pgbackrest_repositories: the repository {where} of the present configuration is not among them, so "
                "its backups would not be found any more. Nothing was touched.",
                hint="Add it, or say replace: true if its backups are not needed.",
            )
        if place in after and after[place] != cipher:
            raise OptionError(
                f"cipher_pass_file: the repository {where} was made with another cipher or cipher pass, and pgBackRest "
                "cannot change that. Nothing was touched.",
                hint="Give the cipher pass that it was made with, or name another place for a new repository.",
            )


def _repositories(text: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Place → cipher of each repository in a configuration that was written here."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    numbers = [n for n in range(1, MOST_REPOSITORIES + 1) if f"repo{n}-path" in values]
    return {
        tuple(values.get(f"repo{n}-{key}", "") for key in _PLACE): tuple(
            values.get(f"repo{n}-{key}", "") for key in _CIPHER
        )
        for n in numbers
    }
