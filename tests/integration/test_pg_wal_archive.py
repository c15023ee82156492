# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""lifeboat-wal on a real server: what is archived comes back, what does not belong there is refused, and an error is
never taken for the end of the log.
"""

from __future__ import annotations

import collections.abc
import json
import pathlib
import stat
import tempfile

import pytest

from tests.integration.physical_place import ACCOUNT, PhysicalPlace, wait_for
from tests.lab.postgres import PostgresCluster


@pytest.fixture(scope="module")
def folder() -> collections.abc.Iterator[pathlib.Path]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as path:
        pathlib.Path(path).chmod(0o777)
        yield pathlib.Path(path)


@pytest.fixture(scope="module")
def cluster() -> collections.abc.Iterator[PostgresCluster]:
    with PostgresCluster() as running:
        yield running


@pytest.fixture(scope="module")
def place(folder: pathlib.Path, cluster: PostgresCluster) -> PhysicalPlace:
    """Two repositories, encrypted, and a cluster that archives into them."""
    (folder / "shared").mkdir(mode=0o755)
    place = PhysicalPlace(folder / "shared", repositories=2)
    planned = place.configure(cluster, check_mode=True)
    assert planned["changed"] and planned["restart_required"] and not pathlib.Path(place.program).exists()
    assert cluster.value("show archive_mode") == "off"
    place.archive_with(cluster)
    return place


def last_segment(cluster: PostgresCluster, place: PhysicalPlace) -> str:
    """A full segment that is archived for certain."""
    checked = place.configure(cluster)
    assert not checked.get("failed"), checked["msg"]
    return str(checked["checked_segment"])


def test_what_the_server_archives_comes_back_byte_for_byte(place: PhysicalPlace, cluster: PostgresCluster) -> None:
    cluster.execute("create table if not exists t as select generate_series(1, 1000) as n")
    name = cluster.value("select pg_walfile_name(pg_current_wal_lsn())")
    segment = cluster.data_dir / "pg_wal" / name
    place.configure(cluster)
    wait_for(lambda: name in place.archived() and name in place.archived(1))
    whole = segment.read_bytes() if segment.exists() else None
    target = place.folder / "own" / "fetched"
    done = place.wal_command("fetch", name, str(target), cwd=cluster.data_dir)
    assert done.returncode == 254 and "identity" in done.stderr  # the host that archives cannot read it
    _allow_reading(place)
    done = place.wal_command("fetch", name, str(target), cwd=cluster.data_dir, config="reading")
    assert (done.returncode, done.stderr) == (0, "")
    assert whole is None or target.read_bytes() == whole
    assert len(target.read_bytes()) == 16 << 20


def test_a_second_run_changes_nothing_and_sees_a_segment_arrive(place: PhysicalPlace, cluster: PostgresCluster) -> None:
    again = place.configure(cluster)
    assert (again["changed"], again["restart_required"]) == (False, False)
    assert again["checked_segment"] in place.archived() and again["checked_segment"] in place.archived(1)
    assert again["archiver"]["failing"] is False
    config = place.folder / "own" / "wal" / "shop@cluster.json"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert config.owner() == (ACCOUNT or config.owner())
    assert "AGE-SECRET-KEY" not in config.read_text() and "AGE-SECRET-KEY" not in again["archive_command"]


def test_the_same_content_again_is_fine_and_another_content_is_refused(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    name = last_segment(cluster, place)
    _allow_reading(place)
    copy = place.folder / "own" / name
    assert place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading").returncode == 0
    assert place.wal_command("push", str(copy), name, cwd=cluster.data_dir).returncode == 0
    content = bytearray(copy.read_bytes())
    content[5_000_000] ^= 1
    copy.write_bytes(content)
    refused = place.wal_command("push", str(copy), name, cwd=cluster.data_dir)
    assert refused.returncode == 1
    system = cluster.value("select system_identifier::text from pg_control_system()")
    assert "holds another content" in refused.stderr and refused.stderr.count(system) == 2


def test_a_segment_of_another_cluster_or_with_another_name_or_cut_is_refused(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    name = last_segment(cluster, place)
    _allow_reading(place)
    copy = place.folder / "own" / "segment"
    assert place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading").returncode == 0
    whole = copy.read_bytes()
    later = f"{name[:16]}{int(name[16:], 16) + 1000:08X}"
    foreign = whole[:24] + (12345).to_bytes(8, "little") + whole[32:]
    for content, called, said in (
        (whole, later, "another segment than its name says"),
        (whole[:-8192], later, "its header says"),
        (b"\0" * len(whole), later, "does not begin with the header"),
        (foreign, name, "is of the cluster 12345"),
    ):
        copy.write_bytes(content)
        refused = place.wal_command("push", str(copy), called, cwd=cluster.data_dir)
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    assert later not in place.archived()
    odd = place.wal_command("push", str(copy), "nonsense", cwd=cluster.data_dir)
    assert odd.returncode == 1 and "not the name of a file" in odd.stderr


def test_histories_labels_and_partial_segments_are_archived_and_what_is_missing_ends_a_recovery(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    name = last_segment(cluster, place)
    _allow_reading(place)
    copy = place.folder / "own" / "more"
    copy.write_bytes(b"1\t0/5000000\tno recovery target specified\n")
    for text in ("00000002.history", f"{name}.00000028.backup"):
        assert place.wal_command("push", str(copy), text, cwd=cluster.data_dir).returncode == 0
        assert text in place.archived()
    assert place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading").returncode == 0
    assert place.wal_command("push", str(copy), f"{name}.partial", cwd=cluster.data_dir).returncode == 0
    got = place.wal_command("fetch", "00000002.history", str(copy), cwd=cluster.data_dir, config="reading")
    assert got.returncode == 0 and copy.read_bytes().startswith(b"1\t0/5000000")
    for missing in ("00000009.history", f"{name[:16]}000000FE"):
        absent = place.wal_command("fetch", missing, str(copy), cwd=cluster.data_dir, config="reading")
        assert (absent.returncode, absent.stderr) == (1, "")


def test_an_error_is_not_the_end_of_the_log(place: PhysicalPlace, cluster: PostgresCluster) -> None:
    name = last_segment(cluster, place)
    _allow_reading(place)
    copy = place.folder / "own" / "fetched"
    first, second = place.archived()[name], place.archived(1)[name]
    kept = first.read_bytes()
    first.write_bytes(kept[:-100])
    other = place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading")
    assert other.returncode == 0  # from the other repository
    middle = len(kept) // 2
    second.write_bytes(kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :])
    damaged = place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading")
    assert damaged.returncode == 254 and name in damaged.stderr
    for path in (first, second):
        path.write_bytes(kept)
    aside = [path.rename(f"{path}-unmounted") for path in place.repositories]
    try:
        unmounted = place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading")
        assert unmounted.returncode == 254
    finally:
        for path in aside:
            path.rename(str(path).removesuffix("-unmounted"))
    wrong = place.wal_command("fetch", name, str(copy), cwd=place.folder / "own", config="reading")
    assert wrong.returncode == 254


def test_a_second_cluster_cannot_archive_into_the_first_ones_place(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    with PostgresCluster() as other:
        place.configure(other, archive="shop@cluster", config_dir=str(place.folder / "own" / "other"))
        other.restart()
        refused = place.configure(other, config_dir=str(place.folder / "own" / "other"), time_limit="20s")
        own, foreign = (
            server.value("select system_identifier::text from pg_control_system()") for server in (cluster, other)
        )
        assert (
            refused["failed"] and f"shop@cluster of the cluster {own}" in refused["msg"] and foreign in refused["msg"]
        )
        other.execute("select pg_create_restore_point('x'), pg_switch_wal()")
        wait_for(lambda: other.value("select failed_count from pg_stat_archiver") > 0)
        assert f"is the archive of the cluster {own}" in other.log and f"this is the cluster {foreign}" in other.log


def test_an_unreachable_repository_holds_the_log_back_and_loses_nothing(
    folder: pathlib.Path, cluster: PostgresCluster, place: PhysicalPlace
) -> None:
    gone = place.repositories[1].rename(folder / "gone")
    place.repositories[1].write_text("not a folder", encoding="ascii")
    try:
        refused = place.configure(cluster, time_limit="20s")
        assert refused["failed"] and ("The archiver fails" in refused["msg"] or "Not a directory" in refused["msg"])
        wait_for(lambda: cluster.value("select failed_count from pg_stat_archiver") > 0)
        name = cluster.value("select last_failed_wal from pg_stat_archiver")
        assert name not in [path.parent.name for path in gone.glob("wal/*/*/*/*")]
    finally:
        place.repositories[1].unlink()
        gone.rename(place.repositories[1])
    wait_for(lambda: name in place.archived(1))
    done = place.configure(cluster)
    assert not done.get("failed") and done["archiver"]["failed_count"] > 0, done


def test_segments_that_wait_are_archived_ahead_and_each_is_what_it_was(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    own = cluster.value("show archive_command")
    cluster.execute("alter system set archive_command = ''")
    cluster.execute("select pg_reload_conf()")
    names = []
    for _number in range(7):
        names.append(cluster.value("select pg_walfile_name(pg_current_wal_lsn())"))
        cluster.execute("select pg_create_restore_point('x'), pg_switch_wal()")
    cluster.execute("alter system set archive_command = %s", (own,))
    cluster.execute("select pg_reload_conf()")
    wait_for(lambda: set(names) <= set(place.archived()) and set(names) <= set(place.archived(1)))
    checked = place.configure(cluster)
    assert not checked.get("failed") and checked["archiver"]["waiting"] == 0, checked
    spool = place.folder / "own" / "spool" / "shop@cluster"
    assert spool.is_dir() and not [note.name for note in spool.iterdir() if note.name in names]
    _allow_reading(place)
    for name in names:
        copy = place.folder / "own" / "ahead"
        assert place.wal_command("fetch", name, str(copy), cwd=cluster.data_dir, config="reading").returncode == 0


def test_another_archive_command_is_replaced_only_by_an_explicit_word(
    place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    own = cluster.value("show archive_command")
    cluster.execute("alter system set archive_command = '/bin/false'")
    cluster.execute("select pg_reload_conf()")
    refused = place.configure(cluster)
    assert refused["failed"] and "archives already, with /bin/false" in refused["msg"]
    done = place.configure(cluster, replace=True)
    assert not done.get("failed") and done["changed"], done
    assert cluster.value("show archive_command") == own


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"archive": "a/b"}, "archive: 'a/b' cannot name a folder"),
        ({"min_copies": 3}, "min_copies is 3"),
        ({"ahead": 33}, "ahead is 33"),
        ({"archive_timeout": "soon"}, "archive_timeout"),
        ({"program": "/tmp/it's"}, "cannot stand in archive_command"),
        ({"encryption": {"recipients": ["age1nonsense"]}}, "age1nonsense"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_touched(
    wrong: dict[str, object], said: str, place: PhysicalPlace, cluster: PostgresCluster
) -> None:
    before = cluster.value("show archive_command")
    refused = place.configure(cluster, **wrong)
    assert refused["failed"] and said in refused["msg"], refused
    assert cluster.value("show archive_command") == before


def _allow_reading(place: PhysicalPlace) -> None:
    """A configuration with the key, as a host has that restores."""
    path = place.folder / "own" / "wal" / "reading.json"
    if path.exists():
        return
    config = json.loads((path.parent / "shop@cluster.json").read_text(encoding="utf-8"))
    path.touch(mode=0o600)
    path.write_text(json.dumps({**config, "encryption": place.keys.read}), encoding="utf-8")
    place.give(path)
