# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A sandbox for one scratch server, whatever the store, made of the kernel's namespaces by util-linux.

Inside there is a root of its own that holds the server's program and libraries, read-only, and its own folder, where
nothing can be executed. There is no shell and no other program, unless its store asks for one (a recovery of
PostgreSQL runs ``cp`` by ``sh``); no key, no socket of another server, no other process, and no network (for servers
that only speak TCP: loopback). The server runs as the scratch account and can gain no
rights. Its end is that of everything in it: the first process of its own process namespace waits for it, and for the
module, whose death closes a pipe. Root under systemd has it in a transient unit besides, which limits its memory and
the number of its processes.

Where the host does not let us make namespaces (in many containers), only the account and ``no-new-privs`` are left.
``isolation`` says which it was: a probe runs the server's own program in the sandbox before anything is restored.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program, run, start_apart
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import (
    ScratchAccount,
    reason_of,
    required,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import KEPT, ScratchFolder

SERVER_FOLDER = "server"  # below the scratch folder; the server's own, and all that it may write to
MOST_TASKS = 512
_ROOT_FOLDER = "root"
_PROBE_SECONDS = 60.0
_MEMORY_PERCENT = 75
_LEAST_ADDRESS_BYTES = 4 << 30
# What a server needs of the host. No /bin and no /usr/bin: COPY ... TO PROGRAM finds no shell.
_VISIBLE = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share",
    "/usr/local/lib",
    "/usr/local/share",
    "/var/cache/postgresql/dicts",  # where Debian's dictionaries for text search really are
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
)
# No braces around names of variables: systemd-run would put in values of its own.
# Waits for the server ("$@") and for whoever wants it: a pipe that its owner holds open (and may write a signal's name
# to), or a file that is there.
_SUPERVISE = """
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
if [ -n "$kept" ]; then
  { while [ -e "$kept" ]; do sleep 1; done; kill -"$ending" "$server"; } 3<&- &
else
  { read -r asked <&3; [ -n "$asked" ] || asked=$ending; kill -"$asked" "$server"; } &
fi
waiting=$!
exec 3<&-
wait "$server"; code=$?
kill "$waiting" 2>/dev/null
exit "$code"
"""
_BARE = f"set -u; kept=$1 ending=$2; shift 2\n{_SUPERVISE}"
# Runs as (mapped) root in new namespaces: builds the root, then starts what follows, which gives up all rights first.
_JAIL = f"""
set -eu
kept=$1 ending=$2 root=$3 folder=$4 count=$5; shift 5
mount -t tmpfs -o size=1m,mode=0755 lifeboat "$root"
show() {{
  [ -e "$1" ] || return 0
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; [ -e "$root$1" ] || : >"$root$1"; fi
  mount --rbind "$1" "$root$1"
  mount -o "remount,bind,$2" "$root$1"
}}
while [ "$count" -gt 0 ]; do show "$1" ro,nosuid,nodev; shift; count=$((count-1)); done
show "$folder" rw,nosuid,nodev,noexec
for device in null zero full random urandom; do show "/dev/$device" rw,nosuid,noexec; done
for link in bin sbin lib lib32 lib64; do
  if [ -L "/$link" ]; then ln -s "$(readlink "/$link")" "$root/$link"; else show "/$link" ro,nosuid,nodev; fi
done
mount -o remount,bind,ro,nosuid,nodev,noexec "$root"
set +e
{_SUPERVISE}"""


class Sandbox:
    """One scratch server's place. Use it as a context manager: leaving it ends the server and removes its folder.

    ``program`` is the server's program, whose ``--version`` is the probe, and ``home`` the folder of what else it is
    installed with; ``programs`` are others that it finds there, such as a shell. ``loopback`` leaves it the host's
    network, for servers that speak TCP alone. ``ending`` is the signal that ends the server at once.
    """

    def __init__(
        self,
        account: ScratchAccount,
        base_dir: str,
        program: str,
        *,
        home: str = "",
        needed_bytes: int = 0,
        what: str = "what is restored",
        loopback: bool = False,
        programs: t.Sequence[str] = (),
        ending: str = "KILL",
        deadline: Deadline | None = None,
    ) -> None:
        self.account = account
        self.isolation = ""
        # Its folder without symbolic links, its name as it was given: Debian's redis-server is another name of
        # redis-check-rdb, and which of them it is it knows by its name.
        folder, name = os.path.split(os.path.abspath(program))
        self._program = os.path.join(os.path.realpath(folder), name)
        self._home = os.path.realpath(home) if home else ""
        self._scratch = ScratchFolder(base_dir, needed_bytes=needed_bytes, what=what)
        self._loopback = loopback
        self._programs = tuple(programs)
        self._ending = ending
        self._deadline = deadline or Deadline()
        self._server: Program | None = None
        self._jailed = False
        self._under_systemd = False

    @property
    def folder(self) -> str:
        """The server's own folder, and all that it may write to."""
        return f"{self._scratch.path}/{SERVER_FOLDER}"

    @property
    def program(self) -> str:
        """The server's program, without symbolic links: the sandbox holds the file alone."""
        return self._program

    def __enter__(self) -> Sandbox:
        try:
            self._scratch.__enter__()
            os.chmod(self._scratch.path, 0o711 if self.account.changes else 0o700)
            for name in (SERVER_FOLDER, _ROOT_FOLDER):
                os.mkdir(f"{self._scratch.path}/{name}", 0o700)
            self.account.give(self.folder)
            self._choose()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.end()
        self._scratch.__exit__(None, None, None)

    def run(self, command: t.Sequence[str], environment: t.Mapping[str, str]) -> str:
        """Run a program to its end as the account, outside of the sandbox: only before anything is restored."""
        return run(
            [required("setpriv"), "--no-new-privs", *command],
            environment={**base_environment(), **environment},
            deadline=self._deadline,
            cwd=self.folder,
            **self.account.identity(),
        )

    def start(self, arguments: t.Sequence[str], environment: t.Mapping[str, str]) -> Program:
        """Start the server, which ends with the module, even when that is killed."""
        environment = {**base_environment(), **environment}
        self._server = Program(
            self._command([self._program, *arguments], environment),
            environment=environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        return self._server

    def end(self, signal: str = "", *, seconds: float = 5.0) -> None:
        """End the server and all that it has started. It may have ended already.

        ``signal`` is sent instead of the one that ends it at once (``INT``); then it has so many seconds.
        """
        server, self._server = self._server, None
        if server is None:
            return
        if server.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                server.process.stdin.write(f"{signal}\n".encode("ascii") if signal else b"")
            server.process.stdin.close()  # the supervisor ends the server
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=seconds)
        server.stop()
        if self._under_systemd:
            self._kill_unit()

    def keep(self, arguments: t.Sequence[str], environment: t.Mapping[str, str]) -> str:
        """Start the server so that it outlives the module. Gives the command that ends and removes it.

        It ends when the file ``kept`` in its folder is gone: no number of a process has to be remembered.
        """
        environment = {**base_environment(), **environment}
        self._scratch.keep()
        kept = f"{self._scratch.path}/{KEPT}"
        command = self._command([self._program, *arguments], environment, kept=kept)
        start_apart(command, environment=environment, log=f"{self._scratch.path}/log")
        path = self._scratch.path
        return f"rm -f {path}/{KEPT} && sleep 3 && rm -rf {path}"

    def give_up(self) -> None:
        """What was to be kept is removed when the sandbox is left."""
        with contextlib.suppress(OSError):
            os.unlink(f"{self._scratch.path}/{KEPT}")
        self._scratch.take_back()

    # how it is isolated

    def _choose(self) -> None:
        """Take the strongest isolation that works here: a probe runs the server's program in each."""
        reason = ""
        for jailed, under_systemd in self._candidates():
            self._jailed, self._under_systemd = jailed, under_systemd
            try:
                self._probe()
                break
            except LifeboatError as error:
                self._deadline.check("Making a sandbox")
                reason = reason or reason_of(error)
        else:
            self._jailed = self._under_systemd = False
            self.account.check_secrets()
            try:
                self._probe()
            except SourceError as error:
                raise SourceError(
                    f"{self._program} --version does not run as the account {self.account.name}: {reason_of(error)}"
                ) from None
        self.isolation = self._describe(reason)

    def _candidates(self) -> list[tuple[bool, bool]]:
        if not shutil.which("unshare"):
            return []
        # systemd's own sign that it runs this host: sd_booted(3)
        booted = os.geteuid() == 0 and os.path.isdir("/run/systemd/system") and shutil.which("systemd-run")
        return [(True, True), (True, False)] if booted else [(True, False)]

    def _probe(self) -> None:
        environment = base_environment()
        command = self._command([self._program, "--version"], environment)
        with Program(command, environment=environment, cwd="/", stdin=subprocess.PIPE) as probe:
            for _piece in probe.read(Deadline(_PROBE_SECONDS)):
                pass

    def _describe(self, reason: str) -> str:
        who = f"account {self.account.name}"
        if not self._jailed:
            return f"{who} alone, with the host's files and network: no sandbox can be made here ({reason})"
        network = "loopback only by its own configuration" if self._loopback else "no network"
        words = f"{who}, files and processes of its own, {network}"
        if self._under_systemd:
            return f"{words}, at most {_MEMORY_PERCENT} % of the memory and {MOST_TASKS} tasks (systemd)"
        return words

    def _command(self, server: t.Sequence[str], environment: t.Mapping[str, str], *, kept: str = "") -> list[str]:
        """The whole command that runs the server in its isolation."""
        first = [required("choom"), "-n", "1000", "--"] if shutil.which("choom") else []
        if self._jailed:
            jailed = [*first, *self._limits(), *self._namespaces(), *self._shell(kept), *self._last(), *server]
            return [*self._unit(environment, kept), *jailed] if self._under_systemd else jailed
        bare = [required("setpriv"), "--no-new-privs"]
        if self.account.changes:
            bare += [f"--reuid={self.account.uid}", f"--regid={self.account.gid}", "--clear-groups"]
            bare += ["--inh-caps=-all", "--bounding-set=-all"]
        if not kept:
            bare += ["--pdeathsig", "SIGKILL"]
        return [*first, *self._limits(), *bare, "sh", "-c", _BARE, "lifeboat-scratch", kept, self._ending, *server]

    def _limits(self) -> list[str]:
        limits = [f"--as={max(_memory_bytes(), _LEAST_ADDRESS_BYTES)}", "--core=0"]
        if self.account.changes and not self.account.shares:  # counted for the whole account
            limits.append(f"--nproc={MOST_TASKS}")
        return [required("prlimit"), *limits, "--"] if shutil.which("prlimit") else []

    def _namespaces(self) -> list[str]:
        words = [required("unshare"), "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        if not self._loopback:
            words.append("--net")
        return words if self.account.changes else [*words, "--user", "--map-root-user"]

    def _shell(self, kept: str) -> list[str]:
        home = self._home if self._home not in ("", "/", "/usr", "/usr/local") else self._program
        visible = [*_VISIBLE, home, *self._programs]
        visible = [path for path in visible if os.path.exists(path)]
        root = f"{self._scratch.path}/{_ROOT_FOLDER}"
        return [
            *("sh", "-c", _JAIL, "lifeboat-scratch", kept, self._ending, root, self.folder, str(len(visible))),
            *visible,
        ]

    def _last(self) -> list[str]:
        """Gives up what made the sandbox, and goes into it."""
        root = f"{self._scratch.path}/{_ROOT_FOLDER}"
        words = [required("setpriv"), "--no-new-privs"]
        if self.account.changes:
            who = f"--userspec=+{self.account.uid}:+{self.account.gid}"
            return [*words, required("chroot"), who, "--groups=", root]
        words += [required("unshare"), "--user", f"--map-user={self.account.uid}", f"--map-group={self.account.gid}"]
        return [*words, f"--root={root}"]

    @property
    def _unit_name(self) -> str:
        return f"{os.path.basename(self._scratch.path)}.service"

    def _unit(self, environment: t.Mapping[str, str], kept: str) -> list[str]:
        """systemd-run and the properties of a transient unit."""
        properties = [
            f"MemoryMax={_MEMORY_PERCENT}%",
            f"TasksMax={MOST_TASKS}",
            "NoNewPrivileges=yes",
            "LockPersonality=yes",
            "RestrictRealtime=yes",
            "ProtectSystem=strict",
            f"ReadWritePaths={self._scratch.path}",
            *(f"InaccessiblePaths=-{path}" for path in self.account.secrets),
            "IPAddressDeny=any",
            "IPAddressAllow=localhost",
            "SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap",
            "SystemCallErrorNumber=EPERM",
            "TimeoutStopSec=10",
            *(() if self._loopback else ("PrivateNetwork=yes",)),
        ]
        words = [required("systemd-run"), "--quiet", "--collect", f"--unit={self._unit_name}"]
        words += [] if kept else ["--pipe", "--wait"]
        words += [f"--property={value}" for value in properties]
        return [*words, *(f"--setenv={name}={value}" for name, value in environment.items()), "--"]

    def _kill_unit(self) -> None:
        """Where the supervisor did not end it."""
        with contextlib.suppress(LifeboatError):  # it is gone, as it should be
            run([required("systemctl"), "kill", "--signal=KILL", self._unit_name], deadline=Deadline(30))


def base_environment() -> dict[str, str]:
    """Nothing of the caller's: no PGDATA, no PGHOST, which would lead elsewhere, and no secret."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
