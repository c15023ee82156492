# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away Ceph with two zones on loopback: two S3 servers that replicate between themselves, later and really.

One monitor, one store in memory, and a gateway for each zone, from Debian's packages radosgw, ceph-mon and ceph-osd
(seen with 16.2.15). Buckets replicate where PutBucketReplication says so, to the bucket of the same name in the other
zone, with version ids and times kept.

Three peculiarities, found in the logs of the gateways, are met here:

- It fetches and stores each change of a bucket's setup ten times, and two changes side by side. A change that comes
  within some two seconds of the one before can be overwritten by it: then the second zone has lost the rule, for good,
  and copies nothing any more. So ``settle`` waits, between two changes and before the first object, until the second
  zone has done all changes.
- A gateway that was stopped still holds the leases of its log. Nothing is copied until they end, 120 s later. Here they
  are short.
- The first gateway logs the changes of one part of a bucket once in 30 s; of the others it only tells the gateways that
  run. One that was stopped learns of these when the 30 s are over. They are fewer here, too.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time
import types
import typing as t
import uuid

from tests.lab import throwaway
from tests.lab.s3server import S3Server
from tests.lab.throwaway import LabError, MissingPrerequisiteError

PACKAGES = {
    "radosgw": "radosgw",
    "radosgw-admin": "radosgw",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "ceph": "ceph-common",
}
_START_SECONDS = 60.0
_LEASE_SECONDS = 5  # half of it passes between renewals; a busy machine has to keep them
# Few log shards: each costs a lease to renew and a log to ask for, again and again.
_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port},v1:127.0.0.1:{old_mon_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms cluster mode = crc
ms service mode = crc
ms client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
run dir = {folder}
admin socket = {folder}/$name.sock
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 5000
mon warn on pool no redundancy = false
rgw realm = lab
rgw zonegroup = zg
rgw lc debug interval = 10
rgw thread pool size = 64
rgw data log num shards = 16
rgw md log max shards = 8
rgw sync lease period = {lease_seconds}
rgw data log window = 4
"""
_GATEWAY = """
[client.{name}]
rgw zone = {zone}
rgw run sync thread = {copies}
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw data = {folder}/{name}
keyring = {folder}/{name}/keyring
"""


class Zone(S3Server):
    """One gateway.

    ``start`` and ``stop`` may be called at any time; what it holds stays. ``reads`` names a zone that it only serves.
    """

    access_key = "LIFEBOATLAB"
    secret_key = "ceph-lab-secret-0123456789"

    def __init__(self, name: str, *, reads: str = "") -> None:
        super().__init__(region="zg", port=throwaway.free_port())
        self.name = name
        self.reads = reads
        self.process: subprocess.Popen[bytes] | None = None
        self.run: t.Callable[[], None] = lambda: None

    def start(self) -> None:
        """Start the gateway, on the same port as before, and wait until it answers."""
        if self.process is None:
            self.run()

    def stop(self) -> None:
        """Stop the gateway: the other zone goes on.

        After the next start this one catches up, when its old leases have ended.
        """
        if self.process is not None:
            throwaway.stop(self.process, signal.SIGTERM)
            self.process = None


class CephRGW:
    """Use it as a context manager. ``zones`` are the two gateways, the first one the master; all that they hold is gone
    with it.

    ``reader``, when it was started, serves the second zone as well, and copies nothing: with it one sees what is there
    while nothing comes.
    """

    def __init__(self, *, base_dir: str = "/var/tmp") -> None:
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.zones = (Zone("za"), Zone("zb"))
        self.reader = Zone("reader", reads="zb")

    def __enter__(self) -> CephRGW:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None})
        if missing:
            raise MissingPrerequisiteError(
                f"Ceph is not on this machine. Install the Debian packages {' '.join(missing)}."
            )
        self._folder = throwaway.Folder("rgw", base_dir=self._base_dir)
        try:
            self._start_cluster()
            self._configure()
            for zone in self.zones:
                zone.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        for zone in (*self.zones, self.reader):
            if zone.process is not None:
                throwaway.stop(zone.process, signal.SIGKILL)  # nothing that it holds is worth an orderly end
                zone.process = None
        for daemon in reversed(self._daemons):
            throwaway.stop(daemon, signal.SIGKILL)
        self._daemons = []
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    @property
    def folder(self) -> pathlib.Path:
        """The private folder of all daemons, with their logs."""
        if self._folder is None:
            raise LabError("The cluster is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)

    def make_bucket(self, name: str, *, versioning: bool = True) -> str:
        """Make a bucket in the first zone and wait until the other one has its setup, for good. Gives its name."""
        other = self.zones[1].client
        self.zones[0].make_bucket(name, versioning=versioning)

        def known() -> bool:
            try:
                return not versioning or other.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
            except other.exceptions.ClientError:
                return False

        self.wait_for(known, f"bucket {name} in the other zone")
        self.settle()
        return name

    def settle(self) -> None:
        """Wait until the other zone has done every change of a bucket's setup, rules too, and will not go back to an
        older one.
        """
        done = "metadata is caught up with master"
        self.wait_for(
            lambda: done in self.admin("sync", "status", f"--rgw-zone={self.zones[1].name}"),
            "metadata in the other zone",
        )

    @staticmethod
    def wait_for(true: t.Callable[[], bool], what: str, *, seconds: float = _START_SECONDS) -> None:
        """Wait until something has come over. Raises LabError when it takes too long."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise LabError(f"Waited more than {seconds:g} s for {what}.")
            time.sleep(0.1)

    def admin(self, *arguments: str) -> str:
        """Run radosgw-admin; its output."""
        return self._run("radosgw-admin", *arguments)

    def _run(self, program: str, *arguments: str) -> str:
        command = [program, "-c", f"{self.folder}/ceph.conf", *arguments]
        environment = throwaway.base_environment({"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"})
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=_START_SECONDS
        )
        if done.returncode:
            raise LabError(f"{program} {' '.join(arguments[:3])} ended with {done.returncode}:\n{done.stderr[-1500:]}")
        return done.stdout

    def _daemon(self, name: str, *command: str) -> tuple[subprocess.Popen[bytes], str]:
        log = f"{self.folder}/{name}.out"
        environment = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        process = throwaway.start(
            [*command, "-c", f"{self.folder}/ceph.conf"], log=log, environment=environment, cwd=str(self.folder)
        )
        return process, log

    def _start_cluster(self) -> None:
        folder = str(self.folder)
        ports = throwaway.free_port(), throwaway.free_port()
        config = _CONFIG.format(
            fsid=uuid.uuid4(), folder=folder, mon_port=ports[0], old_mon_port=ports[1], lease_seconds=_LEASE_SECONDS
        )
        for zone in (*self.zones, self.reader):
            os.mkdir(f"{folder}/{zone.name}")
            values = {"zone": zone.reads or zone.name, "copies": "false" if zone.reads else "true"}
            config += _GATEWAY.format(name=zone.name, port=zone.port, folder=folder, **values)
            zone.run = self._gateway_starter(zone)
        pathlib.Path(f"{folder}/ceph.conf").write_text(config, encoding="ascii")
        os.mkdir(f"{folder}/mon")
        os.mkdir(f"{folder}/osd")
        self._run(
            "ceph-mon", "--mkfs", "-i", "a", "--public-addrv", f"[v2:127.0.0.1:{ports[0]},v1:127.0.0.1:{ports[1]}]"
        )
        monitor, log = self._daemon("mon", "ceph-mon", "-f", "-i", "a")
        self._daemons.append(monitor)
        throwaway.wait_until(lambda: throwaway.accepts_connections(ports[0]), monitor, log, seconds=_START_SECONDS)
        identity = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "60", "osd", "new", identity)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        store, log = self._daemon("osd", "ceph-osd", "-f", "-i", "0")
        self._daemons.append(store)
        throwaway.wait_until(lambda: '"num_up_osds":1' in self._osd_stat(), store, log, seconds=_START_SECONDS)

    def _osd_stat(self) -> str:
        return self._run("ceph", "--connect-timeout", "60", "osd", "stat", "--format", "json").replace(" ", "")

    def _gateway_starter(self, zone: Zone) -> t.Callable[[], None]:
        def run() -> None:
            process, log = self._daemon(zone.name, "radosgw", "-f", "-n", f"client.{zone.name}")
            zone.process = process
            throwaway.wait_until(lambda: throwaway.accepts_connections(zone.port), process, log, seconds=_START_SECONDS)

        return run

    def _configure(self) -> None:
        """One realm, one zonegroup, two zones in one cluster; objects go over where a bucket's replication says so."""
        keys = ("--access-key=LABSYSTEM", "--secret=lab-system-secret")
        first, other = self.zones
        self.admin("realm", "create", "--rgw-realm=lab", "--default")
        self.admin(
            "zonegroup", "create", "--rgw-zonegroup=zg", f"--endpoints={first.endpoint_url}", "--master", "--default"
        )
        master = ("--master", "--default", *keys)
        self.admin(
            "zone", "create", "--rgw-zonegroup=zg", "--rgw-zone=za", f"--endpoints={first.endpoint_url}", *master
        )
        self.admin("user", "create", "--rgw-zone=za", "--uid=system", "--display-name=system", "--system", *keys)
        user = (f"--access-key={first.access_key}", f"--secret={first.secret_key}")
        self.admin("user", "create", "--rgw-zone=za", "--uid=lab", "--display-name=lab", *user)
        self.admin("zone", "create", "--rgw-zonegroup=zg", "--rgw-zone=zb", f"--endpoints={other.endpoint_url}", *keys)
        self.admin("sync", "group", "create", "--rgw-zone=za", "--group-id=all", "--status=allowed")
        flow = ("--group-id=all", "--flow-id=both", "--flow-type=symmetrical", "--zones=za,zb")
        self.admin("sync", "group", "flow", "create", "--rgw-zone=za", *flow)
        pipe = (
            "--group-id=all",
            "--pipe-id=all",
            "--source-zones=*",
            "--source-bucket=*",
            "--dest-zones=*",
            "--dest-bucket=*",
        )
        self.admin("sync", "group", "pipe", "create", "--rgw-zone=za", *pipe)
        self.admin("period", "update", "--rgw-zone=za", "--commit")
