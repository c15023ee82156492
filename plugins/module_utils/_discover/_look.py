# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Looks at a host without changing anything: its processes, its sockets, its files, and what its servers say of
themselves. Each look has a time limit, and one that fails says so and ends no other.
"""

from __future__ import annotations

import configparser
import contextlib
import glob
import os
import pwd
import re
import shutil
import subprocess
import typing as t
import urllib.error
import urllib.request

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._discover._model import (
    Database,
    Folder,
    Found,
    KeyStore,
    Streams,
)

SECONDS = 20  # for one question to one server
_LARGEST_FILE = 1 << 20
_DUMPS = re.compile(
    r"\b(pg_dumpall|pg_dump|pg_basebackup|pgbackrest|barman|wal-g|mysqldump|mongodump|redis-cli|restic|borgmatic|borg|"
    r"duplicity|rclone|rsync|nats)\b"
)
_CRON = ("etc/crontab", "etc/cron.d/*", "etc/cron.*ly/*", "var/spool/cron/crontabs/*", "var/spool/cron/*")
# The database postgres counts where somebody keeps tables in it.
_DATABASES = """
    select datname, pg_database_size(oid), current_setting('server_version'), pg_is_in_recovery(), datallowconn
    from pg_database where not datistemplate and (datname <> 'postgres' or exists (
      select from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where relkind in ('r', 'p', 'm') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'lifeboat')))
    order by 1
"""


def look(root: str, socket_dirs: t.Sequence[str]) -> Found:
    """Everything that is found. ``root`` is the host's ``/``."""
    found = Found()
    looks = (
        _databases, _databases_elsewhere, _streams, _key_stores, _compose_volumes, _unit_folders, _dumps_of_today,
        _stanzas,
    )  # fmt: skip
    for one in looks:
        try:
            one(found, root, socket_dirs)
        except Exception as error:  # what a server says may be of any shape, and a look that fails ends no other
            found.could_not_see.append(f"{one.__name__.strip('_').replace('_', ' ')}: {type(error).__name__}.")
    return found


def _databases(found: Found, _root: str, socket_dirs: t.Sequence[str]) -> None:
    for folder in socket_dirs:
        for path in sorted(glob.glob(f"{glob.escape(folder)}/.s.PGSQL.*[0-9]")):
            _of_server(found, folder, int(path.rpartition(".")[2]), os.stat(path).st_uid)


def _of_server(found: Found, folder: str, port: int, owner: int) -> None:
    where = f"PostgreSQL on port {port} ({folder})"
    account = _account(owner)
    if not shutil.which("psql"):
        found.could_not_see.append(f"{where}: psql is not on this host.")
        return
    command = ["psql", "-XAtz0", "-h", folder, "-p", str(port), "-d", "postgres", "-c", _DATABASES]
    if os.geteuid() == 0 and owner:
        command = ["runuser", "-u", account, "--", *command]
    done = _run(command)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        found.could_not_see.append(f"{where}: {reason} Run this as root, or as {account}.")
        return
    values = done.stdout.rstrip("\n").split("\0")  # no name holds a zero
    for name, size, version, standby, open_ in zip(*(values[at::5] for at in range(5))):
        if open_ == "t":
            found.databases.append(Database(name, int(size), folder, port, account, version, standby == "t"))
        else:
            found.could_not_see.append(f"{where}: the database {name} allows no connections, so it cannot be dumped.")


def _databases_elsewhere(found: Found, _root: str, _socket_dirs: t.Sequence[str]) -> None:
    """Servers of PostgreSQL in containers: they run here, and their sockets are not here."""
    here = _namespace("self")
    for path in glob.glob("/proc/[0-9]*"):
        number = os.path.basename(path)
        if _program_of(number) != "postgres" or _program_of(_parent(number)) == "postgres":
            continue
        if _namespace(number) not in ("", here):
            found.could_not_see.append(
                f"PostgreSQL in a container (process {number}): its socket is not on this host. If its databases would "
                "be missed, make each a component with login_host and login_port."
            )


def _namespace(process: str) -> str:
    try:
        return os.readlink(f"/proc/{process}/ns/mnt")
    except OSError:  # it has ended, or only root may know
        return ""


def _program_of(process: str) -> str:
    return _read(f"/proc/{process}/comm").strip()


def _parent(process: str) -> str:
    match = re.search(r"(?m)^PPid:\t(\d+)$", _read(f"/proc/{process}/status"))
    return match[1] if match else ""


def _streams(found: Found, _root: str, _socket_dirs: t.Sequence[str]) -> None:
    for arguments in _processes("nats-server"):
        text = " ".join(arguments)
        config = _after(arguments, ("-c", "--config"))
        settings = _read(config) if config else ""
        port = _after(arguments, ("-p", "--port")) or _setting(settings, r"(?:port|listen)") or "4222"
        monitor = _after(arguments, ("-m", "--http_port")) or _setting(settings, r"(?:http_port|monitor_port|http)")
        if not monitor:
            found.could_not_see.append(
                f"NATS on port {port}: it has no monitoring port, so its accounts and streams are not known. "
                f"Start it with http_port, or name them yourself{f' ({config})' if config else ''}."
            )
            continue
        document = _ask(f"http://127.0.0.1:{monitor}/jsz?accounts=true&streams=true&limit=1024")
        if document is None:
            found.could_not_see.append(f"NATS on port {port}: port {monitor} does not answer ({text.split()[0]}).")
            continue
        for account in document.get("account_details") or []:
            names = tuple(sorted(stream["name"] for stream in account.get("stream_detail") or []))
            if names:
                url = f"nats://127.0.0.1:{port}"
                found.streams.append(Streams(account["name"], url, names, int(account.get("storage", 0))))


def _key_stores(found: Found, _root: str, _socket_dirs: t.Sequence[str]) -> None:
    seen = set()
    for program in ("redis-server", "valkey-server"):
        for arguments in _processes(program):
            title = " ".join(arguments)
            socket = re.search(r"\bunixsocket:(\S+)", title)
            if socket or re.search(r":0\b", title):
                found.could_not_see.append(
                    f"{program} listens on {socket[1] if socket else 'a socket'} alone: make it a component of the "
                    "engine redis with login_unix_socket."
                )
                continue
            match = re.search(r":(\d{2,5})\b", title)
            port = int(match[1]) if match else int(_after(arguments, ("--port",)) or 6379)
            if port and port not in seen:
                seen.add(port)
                found.key_stores.append(KeyStore(program, port, "[cluster]" in arguments))


def _compose_volumes(found: Found, _root: str, _socket_dirs: t.Sequence[str]) -> None:
    if not shutil.which("docker"):
        return
    label = "com.docker.compose.project"
    form = f'{{{{.Name}}}}\t{{{{.Label "{label}"}}}}\t{{{{.Mountpoint}}}}'
    done = _run(["docker", "volume", "ls", "--filter", f"label={label}", "--format", form])
    if done.returncode:
        found.could_not_see.append("Docker: the engine does not answer this account, so its volumes are not known.")
        return
    for line in done.stdout.splitlines():
        name, project, path = line.split("\t")
        found.folders.append(Folder(path, f"the volume {name} of the Compose project {project}"))
    _compose_binds(found, label)


def _compose_binds(found: Found, label: str) -> None:
    """Folders of this host that containers of Compose projects write to."""
    listed = _run(["docker", "container", "ls", "--all", "--quiet", "--filter", f"label={label}"])
    numbers = listed.stdout.split()
    if not numbers:
        return
    form = f'{{{{index .Config.Labels "{label}"}}}}\t{{{{json .Mounts}}}}'
    seen = {folder.path for folder in found.folders}
    for line in _run(["docker", "container", "inspect", "--format", form, *numbers]).stdout.splitlines():
        project, _tab, mounts = line.partition("\t")
        for mount in read_json(mounts):
            path = str(mount.get("Source", ""))
            if mount.get("Type") == "bind" and mount.get("RW") and os.path.isdir(path) and path not in seen:
                seen.add(path)
                found.folders.append(Folder(path, f"the Compose project {project}"))


def _unit_folders(found: Found, root: str, _socket_dirs: t.Sequence[str]) -> None:
    for path in sorted(glob.glob(f"{glob.escape(root)}/etc/systemd/system/*.service")):
        unit = os.path.basename(path)
        if unit.startswith("lifeboat"):
            continue
        text = _read(path)
        for number, line in enumerate(text.splitlines(), start=1):
            match = _DUMPS.search(line) if line.startswith("ExecStart") else None
            if match:  # of a timer, most likely
                found.dumps_of_today.append(f"/{os.path.relpath(path, root or '/')} line {number}: {match[1]}")
        for key, value in re.findall(r"(?m)^(StateDirectory|ReadWritePaths)=(.+)$", text):
            for one in value.split():
                folder = f"/var/lib/{one}" if key == "StateDirectory" else one.lstrip("-+")
                found.folders.append(Folder(folder, f"the service {unit}"))


def _dumps_of_today(found: Found, root: str, _socket_dirs: t.Sequence[str]) -> None:
    for pattern in _CRON:
        for path in sorted(glob.glob(f"{glob.escape(root)}/{pattern}")):
            if not os.path.isfile(path):
                continue
            for number, line in enumerate(_read(path).splitlines(), start=1):
                match = None if line.lstrip().startswith("#") else _DUMPS.search(line)
                if match:  # the line itself may hold a password
                    found.dumps_of_today.append(f"/{os.path.relpath(path, root)} line {number}: {match[1]}")


def _stanzas(found: Found, root: str, _socket_dirs: t.Sequence[str]) -> None:
    for name in ("pgbackrest.conf", "pgbackrest/pgbackrest.conf", "pgbackrest/conf.d/*.conf"):
        for path in sorted(glob.glob(f"{glob.escape(root)}/etc/{name}")):
            parser = configparser.ConfigParser(strict=False, interpolation=None)
            with contextlib.suppress(configparser.Error):
                parser.read_string(_read(path))
            stanzas = {one.partition(":")[0] for one in parser.sections()}  # main:archive-push belongs to main
            found.stanzas += sorted(stanzas - {"global", *found.stanzas})


def _processes(program: str) -> t.Iterator[list[str]]:
    """The command lines of the processes of this program, each once."""
    seen = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read(65536).decode("utf-8", "replace").replace("\0", " ").split()
        except OSError:
            continue  # it has ended
        if words and os.path.basename(words[0]) == program and tuple(words) not in seen:
            seen.add(tuple(words))
            yield words


def _after(arguments: t.Sequence[str], options: t.Sequence[str]) -> str:
    for number, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name in options:
            return value if equals else (arguments[number + 1] if number + 1 < len(arguments) else "")
    return ""


def _setting(text: str, name: str) -> str:
    """The port of a setting of a NATS configuration, such as ``http: 127.0.0.1:8222`` or ``"port": 4222``."""
    match = re.search(rf"(?m)(?:^|[{{,])\s*\"?{name}\"?\s*[:=\s]\s*[\"']?(?:[\w.\[\]]*:)?(\d{{2,5}})\b", text)
    return match[1] if match else ""


def _read(path: str) -> str:
    """The text of a file; nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_LARGEST_FILE)
    except OSError:
        return ""


def _run(command: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PGCONNECT_TIMEOUT": "5",
        "PGOPTIONS": "-c search_path=pg_catalog -c statement_timeout=20s",  # whatever the role or the database has
        "PGCLIENTENCODING": "UTF8",
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(  # pylint: disable=ansible-bad-function  # no AnsibleModule comes this deep
        list(command), check=False, capture_output=True, text=True, errors="replace", timeout=SECONDS, cwd="/",
        env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _ask(url: str) -> dict[str, t.Any] | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            document = read_json(answer.read(16 << 20))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
