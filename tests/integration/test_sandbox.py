# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox of scratch servers: what is in it, what is not, and that its end is the end of all that is in it."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs import _sandbox
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._sandbox import Sandbox
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount, open_account

from tests.lab.booted import run_under_systemd
from tests.lab.throwaway import MissingPrerequisiteError

ACCOUNT = "lifeboat-scratch"
SERVER = "/usr/bin/python3"  # which shows better than a real server what can be reached
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
_LOOK = """
import json, os, socket, sys
def tried(work):
    try:
        return str(work())
    except OSError as error:
        return type(error).__name__
found = {
    "root": sorted(os.listdir("/")), "uid": os.getuid(), "groups": os.getgroups(), "pid": os.getpid(),
    "secret": tried(lambda: open(sys.argv[1]).read()), "shell": os.path.exists("/bin/sh"),
    "outside": tried(lambda: open("/usr/lib/x", "w")), "root file": tried(lambda: open("/x", "w")),
    "inside": tried(lambda: open(sys.argv[2] + "/x", "w").write("x")),
    "network": [name for _number, name in socket.if_nameindex()], "proc": os.path.exists("/proc/self"),
    "become root": tried(lambda: os.setuid(0)), "mount": tried(lambda: os.chroot("/")),
    "status": open(sys.argv[2] + "/started", "w").write("x"),
}
with open(sys.argv[2] + "/found", "w") as file: json.dump(found, file)
sys.stdin.close()
if os.fork() == 0:
    os.setsid()
    import time
    time.sleep(600)
import time
time.sleep(600)
"""


def _looked(box: Sandbox, secret: pathlib.Path) -> dict[str, t.Any]:
    """What a program finds in the sandbox. It has left a child behind in a session of its own."""
    server = box.start(["-c", _LOOK, str(secret), box.folder], {})
    path = pathlib.Path(box.folder) / "found"
    end = time.monotonic() + 20
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < end and server.process.poll() is None, server.stderr
        time.sleep(0.02)
    found: dict[str, t.Any] = json.loads(path.read_bytes())
    return found


def _of_account(word: str) -> list[int]:
    """The processes with this word among their arguments that still run."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.fixture
def secret(tmp_path: pathlib.Path) -> pathlib.Path:
    """A key that everybody could read, if they saw it."""
    folder = pathlib.Path(f"/var/tmp/lifeboat-test-key-{os.getpid()}")
    folder.mkdir()
    path = folder / "operations.key"
    path.write_text("AGE-SECRET-KEY-1", encoding="ascii")
    yield path
    shutil.rmtree(folder)


def _account(name: str, secret: pathlib.Path, *, shares: bool = False) -> ScratchAccount:
    options = {
        "scratch_account": name,
        "scratch_shares_account": shares,
        "encryption": {"identity_file": str(secret)},
    }
    return open_account(options)


def test_a_program_in_the_sandbox_reaches_nothing_and_leaves_nothing(
    secret: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    with Sandbox(_account(ACCOUNT, secret), str(scratch_base), SERVER) as box:
        assert "no network" in box.isolation and f"account {ACCOUNT}" in box.isolation
        found = _looked(box, secret)
        folder = box.folder
        assert len(_of_account(folder)) >= 3, "the server, its child and the supervisor"
    assert found["uid"] == box.account.uid and found["groups"] in ([], [box.account.gid])
    assert found["secret"] == "FileNotFoundError" and not found["shell"] and not found["proc"]
    assert found["outside"] == "OSError" and found["root file"] == "OSError" and found["inside"] == "1"
    assert found["network"] == ["lo"] and found["become root"] == found["mount"] == "PermissionError"
    assert set(found["root"]) <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"}, found
    assert _of_account(folder) == [] and list(scratch_base.iterdir()) == []


def test_a_killed_owner_ends_all_that_is_in_the_sandbox(secret: pathlib.Path, scratch_base: pathlib.Path) -> None:
    code = f"""
import json, sys, time
sys.path[:0] = {sys.path!r}
from tests.integration import test_sandbox as tests
import pathlib
secret = pathlib.Path({str(secret)!r})
with tests.Sandbox(tests._account({ACCOUNT!r}, secret), {str(scratch_base)!r}, tests.SERVER) as box:
    tests._looked(box, secret)
    print(box.folder, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder = owner.stdout.readline().strip()
        assert folder and len(_of_account(folder)) >= 3
        owner.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while _of_account(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert _of_account(folder) == []


def test_where_no_sandbox_can_be_made_the_account_is_all_and_a_readable_key_is_refused(
    secret: pathlib.Path, scratch_base: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sandbox, "_namespaces", lambda _self: ["/bin/false"])
    with pytest.raises(OptionError, match="No sandbox can be made on this host.*operations.key"):
        Sandbox(_account(ACCOUNT, secret), str(scratch_base), SERVER).__enter__()
    assert list(scratch_base.iterdir()) == []
    secret.chmod(0o600)
    with Sandbox(_account(ACCOUNT, secret), str(scratch_base), SERVER) as box:
        assert "no sandbox can be made here" in box.isolation
        found = _looked(box, secret)
        assert found["uid"] == box.account.uid and found["secret"] == "PermissionError"
        assert found["become root"] == "PermissionError"
        folder = box.folder
    for left in _of_account(folder):  # which a process namespace would have ended
        os.kill(left, signal.SIGKILL)
    secret.chmod(0o644)
    with Sandbox(_account(ACCOUNT, secret, shares=True), str(scratch_base), SERVER) as box:
        assert "no sandbox" in box.isolation


def test_a_program_that_does_not_run_is_named(secret: pathlib.Path, scratch_base: pathlib.Path) -> None:
    secret.chmod(0o600)
    with pytest.raises(LifeboatError, match="/bin/false --version does not run as the account lifeboat-scratch"):
        Sandbox(_account(ACCOUNT, secret), str(scratch_base), "/bin/false").__enter__()
    assert list(scratch_base.iterdir()) == []


_UNDER_SYSTEMD = """
cd /
export PYTHONPATH={paths} LC_ALL=C.UTF-8
mkdir -p /mnt/base
{python} -c '
import pathlib, subprocess, sys
from tests.integration import test_sandbox as tests
secret = pathlib.Path("/mnt/key"); secret.write_text("secret")
with tests.Sandbox(tests._account("lifeboat-scratch", secret), "/mnt/base", tests.SERVER) as box:
    found = tests._looked(box, secret)
    unit = subprocess.run(["systemctl", "show", "--property=MemoryMax,TasksMax,ActiveState,NoNewPrivileges",
                           box._unit_name], capture_output=True, text=True).stdout
print(box.isolation); print(unit); print(found)
print("left:", list(pathlib.Path("/mnt/base").iterdir()), tests._of_account(box.folder))
kept = tests.Sandbox(tests._account("lifeboat-scratch", secret), "/mnt/base", tests.SERVER)
kept.__enter__()
remove = kept.keep(["-c", "import time; time.sleep(600)"], {{}})
import time; time.sleep(2)
print("kept:", bool(tests._of_account("time.sleep(600)")))
subprocess.run(remove, shell=True, check=True)
print("removed:", tests._of_account(kept.folder), list(pathlib.Path("/mnt/base").iterdir()))
'
"""


def test_under_systemd_the_sandbox_is_in_a_unit_with_limits(tmp_path: pathlib.Path) -> None:
    tmp_path.chmod(0o755)
    paths = [str(pathlib.Path(__file__).parents[2]), *(path for path in sys.path if "collections" in path)]
    paths.append(sysconfig.get_path("purelib"))
    try:
        said = run_under_systemd(
            tmp_path,
            _UNDER_SYSTEMD.format(paths=os.pathsep.join(paths), python=os.path.realpath(sys.executable)),
            folders=[os.path.realpath(path) for path in (paths[0], paths[-1], sys.base_prefix)],
        )
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))
    assert f"{_sandbox.MOST_TASKS} tasks (systemd)" in said, said
    assert f"TasksMax={_sandbox.MOST_TASKS}" in said and "MemoryMax=infinity" not in said, said
    assert "ActiveState=active" in said and "NoNewPrivileges=yes" in said, said
    assert "'secret': 'FileNotFoundError'" in said and "'network': ['lo']" in said, said
    assert "left: [] []" in said and "kept: True" in said and "removed: [] []" in said, said
