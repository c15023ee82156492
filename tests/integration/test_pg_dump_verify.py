# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps as home-made scripts leave them: known by their content, restored, asked, and refused where they are damaged.

"Prove the backups that I have" is followed as it is written, on these files.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import gzip
import os
import pathlib
import re
import subprocess
import tempfile
import typing as t

import pytest
import yaml

from tests.integration.backups import keys_of
from tests.integration.modules import run_module
from tests.integration.proofs import ends_in_a_report
from tests.lab.postgres import PostgresCluster

_MADE = """
    create table orders (id integer primary key, "odd;name" text);
    insert into orders select n, 'it''s; row \\ ' || n from generate_series(1, 500) as n;
    create function total() returns bigint language sql begin atomic select count(*) from orders; end;
    create view big as select * from orders where id > 100;
    create table lines (order_id integer references orders, text text);
    insert into lines select id, E'tab\\there' from orders;
"""


@dataclasses.dataclass
class Folder:
    """A folder of dumps, and the keys of those that are encrypted."""

    path: pathlib.Path
    cluster: PostgresCluster
    keys: dict[str, t.Any]
    passphrase: dict[str, t.Any]

    def verify(self, name: str, **more: t.Any) -> dict[str, t.Any]:
        """Run ``pg_dump_verify`` on one dump; it may fail."""
        given = {
            "path": str(self.path / name), "allow_vulnerable_client": True, "bin_dir": str(self.cluster.bin_dir),
            "encryption": self.keys, **more,
        }  # fmt: skip
        return run_module("pg_dump_verify", given)


def sh(script: str, cluster: PostgresCluster, folder: pathlib.Path) -> None:
    """Run what a home-made script would."""
    environment = {**os.environ, "PGPASSWORD": cluster.password, "PATH": f"{cluster.bin_dir}:{os.environ['PATH']}"}
    where = f"--host=127.0.0.1 --port={cluster.port} --username={cluster.user}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("@", where)], check=True, cwd=folder, env=environment
    )


@pytest.fixture(scope="module")
def folder() -> collections.abc.Iterator[Folder]:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as name, PostgresCluster() as cluster:
        place = pathlib.Path(name)
        place.chmod(0o755)
        (place / "dumps").mkdir()
        keys = keys_of("age", place)
        cluster.create_role("shop_owner")
        cluster.create_database("shop", owner="shop_owner")
        cluster.execute(_MADE, dbname="shop")
        cluster.execute("alter table orders owner to shop_owner", dbname="shop")
        (recipient,) = keys.write["recipients"][:1]
        by_passphrase = keys_of("gpg", place).read
        passphrase, home = by_passphrase["passphrase_file"], place / "gnupg"
        home.mkdir(mode=0o700)
        sh(
            f"""
            pg_dump @ -Fc shop >shop-2026-01-14.dump
            pg_dump @ -Fc shop >shop-2026-01-15.dump
            touch -d 2026-01-14 shop-2026-01-14.dump
            pg_dump @ -Ft shop >shop.tar
            pg_dump @ -Fd --file=shop.folder shop
            pg_dump @ shop >plain.sql
            gzip <plain.sql >plain.sql.gz
            pg_dump @ --clean shop | zstd -q >cleaned.sql.zst
            pg_dump @ --inserts shop >inserts.sql
            pg_dump @ -Fc shop | zstd -q | age -r {recipient} >secret.dump.zst.age
            pg_dumpall @ | gzip >all.sql.gz
            gpg --batch --quiet --homedir {home} --pinentry-mode loopback --passphrase-file {passphrase} --symmetric \
              --output=locked.sql.gz.gpg plain.sql.gz
            echo hello >README
            """,
            cluster,
            place / "dumps",
        )
        yield Folder(place / "dumps", cluster, keys.read, by_passphrase)


def test_each_dump_is_known_by_its_content(folder: Folder) -> None:
    found = run_module("pg_dump_info", {"path": str(folder.path), "encryption": folder.keys})["dumps"]
    kinds = {pathlib.Path(one["path"]).name: (one["kind"], one["wrapped"]) for one in found}
    assert kinds == {
        "shop-2026-01-14.dump": ("custom", []), "shop-2026-01-15.dump": ("custom", []), "shop.tar": ("tar", []),
        "shop.folder": ("directory", []), "plain.sql": ("script", []), "plain.sql.gz": ("script", ["gz"]),
        "cleaned.sql.zst": ("script", ["zst"]), "inserts.sql": ("script", []),
        "secret.dump.zst.age": ("custom", ["age", "zst"]), "all.sql.gz": ("cluster_script", ["gz"]),
        "locked.sql.gz.gpg": ("unknown", ["gpg"]), "README": ("unknown", []),
    }  # fmt: skip
    by_name = {pathlib.Path(one["path"]).name: one for one in found}
    assert (by_name["secret.dump.zst.age"]["database"], by_name["README"]["why"]) == (
        "shop", "it is neither an archive of pg_dump nor an SQL script",
    )  # fmt: skip
    assert by_name["plain.sql"]["server_version"].startswith(str(folder.cluster.major))
    locked = run_module("pg_dump_info", {"path": str(folder.path / "secret.dump.zst.age")})["dumps"]
    assert (locked[0]["kind"], locked[0]["wrapped"]) == ("unknown", ["age"]) and locked[0]["why"]


def statuses(proof: dict[str, t.Any], kind: str = "checks") -> dict[str, str]:
    return {one["id"]: one["status"] for one in proof[kind]}


@pytest.mark.parametrize(
    "name",
    [
        "secret.dump.zst.age",
        "locked.sql.gz.gpg",
        "shop.tar",
        "shop.folder",
        "plain.sql.gz",
        "cleaned.sql.zst",
        "inserts.sql",
    ],
)
def test_a_dump_of_every_kind_restores_and_answers(folder: Folder, name: str) -> None:
    questions = [{"name": "all orders are there", "query": "select total()", "value": 500}]
    keys = folder.passphrase if name.endswith(".gpg") else folder.keys
    profile = "full" if name == "plain.sql.gz" else "quick"
    result = folder.verify(name, checks=questions, profile=profile, encryption=keys)
    assert not result.get("failed"), result["msg"]
    (proof,) = result["proofs"]
    assert (proof["verdict"], proof["tables"], proof["rows"]) == ("passed", 2, 1000)
    assert statuses(proof)["custom.1"] == "passed" and statuses(proof)["content.unread"] == "skipped"
    if name == "plain.sql.gz":
        assert statuses(proof)["structure.indexes"] == statuses(proof)["structure.foreign_keys"] == "passed"
    if name != "shop.folder":
        assert statuses(proof, "controls") == {"control.cut": "passed"}


def test_a_dump_of_the_whole_cluster_brings_its_databases_back(folder: Folder) -> None:
    questions = [{"name": "orders", "query": "select count(*) from orders", "database": "shop", "value": 500}]
    result = folder.verify("all.sql.gz", profile="quick", checks=questions)
    assert result["verdict"] == "passed", result["msg"]
    assert result["proofs"][0]["rows"] == 1000


def test_a_dump_of_definitions_alone_is_not_proven_unless_somebody_says_that_it_is_right(
    folder: Folder, tmp_path: pathlib.Path
) -> None:
    sh(
        """
        pg_dump @ --dbname=shop --schema-only >definitions.sql
        pg_dump @ --dbname=shop --section=pre-data --format=custom >definitions.dump
        pg_dumpall @ --schema-only >all-definitions.sql
        pg_dumpall @ --globals-only >globals.sql
        """,
        folder.cluster,
        tmp_path,
    )
    for path in sorted(tmp_path.iterdir()):
        result = folder.verify(str(path), profile="quick", major=folder.cluster.major)
        assert result.get("failed") and "it has no table with a row" in result["msg"], (path, result)
    empty = [{"name": "a new shop", "query": "select count(*) from orders", "value": 0}]
    result = folder.verify(str(tmp_path / "definitions.sql"), profile="quick", checks=empty)
    assert result["verdict"] == "passed", result["msg"]


def test_a_dump_that_was_cut_or_changed_is_not_proven(folder: Folder, tmp_path: pathlib.Path) -> None:
    for name, said in (
        ("shop-2026-01-15.dump", "pg_restore cannot read it"),
        ("plain.sql", "it was cut"),
        ("plain.sql.gz", "it was cut"),
        ("secret.dump.zst.age", ""),
    ):
        whole = (folder.path / name).read_bytes()
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes(whole[: len(whole) - len(whole) // 3])
        result = folder.verify(str(cut), profile="quick")
        assert result["failed"] and said in result["msg"], (name, result["msg"])
    # One database of a cluster's dump ends with words of its own, and the next ones may be missing behind them.
    cluster = gzip.decompress((folder.path / "all.sql.gz").read_bytes())
    end = b"-- PostgreSQL database dump complete\n"
    assert cluster.count(end) > 1
    (tmp_path / "some.sql").write_bytes(cluster[: cluster.index(end) + len(end)])
    for profile in ("artifact", "quick"):
        result = folder.verify(str(tmp_path / "some.sql"), profile=profile)
        assert result["failed"] and "it was cut" in result["msg"], result["msg"]
    # The newest one of a series is never passed over, whatever is wrong with it.
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "shop-1.sql.gz").write_bytes((folder.path / "plain.sql.gz").read_bytes())
    os.utime(tmp_path / "series" / "shop-1.sql.gz", (1, 1))
    (tmp_path / "series" / "shop-2.sql.gz").write_bytes(b"\x1f\x8b\x08 and nothing that gzip knows")
    newest = folder.verify(str(tmp_path / "series"), profile="artifact")
    assert newest["failed"] and "shop-2.sql.gz could not be looked into" in newest["msg"]
    wrong = (folder.path / "plain.sql").read_text(encoding="utf-8").replace("CREATE TABLE public.lines", "CREATE TABLE")
    (tmp_path / "wrong.sql").write_text(wrong, encoding="utf-8")
    result = folder.verify(str(tmp_path / "wrong.sql"), profile="quick")
    assert result["failed"] and "of the script was refused" in result["msg"]
    asked = folder.verify("plain.sql", profile="quick", checks=[{"name": "few", "query": "select 5", "value": 6}])
    assert asked["failed"] and "few" in asked["msg"]


def test_a_script_that_runs_a_program_is_refused_and_runs_nothing(folder: Folder, tmp_path: pathlib.Path) -> None:
    mark = tmp_path / "mark"
    text = (folder.path / "plain.sql").read_text(encoding="utf-8")
    (tmp_path / "evil.sql").write_text(text.replace("\nSET ", f"\n\\! touch {mark}\nSET ", 1), encoding="utf-8")
    result = folder.verify(str(tmp_path / "evil.sql"), profile="quick")
    assert result["failed"] and "a command of psql that no dump has" in result["msg"]
    assert not mark.exists()


def test_what_cannot_be_meant_is_refused(folder: Folder) -> None:
    for wrong, said in (
        ({"path": "/nowhere"}, "is not there"),
        ({"path": str(folder.path / "README")}, "there is no dump of PostgreSQL"),
        ({"path": str(folder.path / "secret.dump.zst.age"), "encryption": None}, "could not be looked into"),
        ({"major": 9}, "versions from 12 on"),
        ({"app": "a b"}, "app"),
    ):
        refused = folder.verify("plain.sql", **wrong)
        assert refused["failed"] and said in refused["msg"], (wrong, refused["msg"])


HOW_TO = pathlib.Path(__file__).parents[2] / "docs" / "how-to" / "prove-the-backups-that-i-have.md"


def test_the_how_to_is_followed_as_written_on_a_folder_of_dumps(folder: Folder) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    tasks = {task["name"]: task for block in blocks for task in yaml.safe_load(block)}
    listing, proving = tasks["What is there"], tasks["Prove the newest dump of each database"]
    own = {"path": str(folder.path), "encryption": folder.keys}
    found = run_module("pg_dump_info", {**listing["lifeboat.dr.pg_dump_info"], **own})["dumps"]
    assert len(found) == 12
    given = {
        **proving["lifeboat.dr.pg_dump_verify"], **own, "allow_vulnerable_client": True,
        "bin_dir": str(folder.cluster.bin_dir), "report_dir": str(folder.path.parent / "reports"),
    }  # fmt: skip
    # The how-to asks about a table of its reader; it is there, with another number of rows.
    given["checks"] = [{**check, "value": 1} for check in given["checks"]]
    result = run_module("pg_dump_verify", {**given, "pattern": "shop-*.dump"})
    assert result["verdict"] == "passed", result["msg"]
    (proof,) = result["proofs"]
    assert proof["path"].endswith("shop-2026-01-15.dump")  # the newest of its series alone
    assert "no fingerprint" in pathlib.Path(proof["report_files"]["markdown"]).read_text(encoding="utf-8")


def test_a_server_that_dies_in_a_proof_leaves_a_report(folder: Folder, scratch_base: pathlib.Path) -> None:
    verify = functools.partial(folder.verify, "shop.tar")
    ends_in_a_report("dumps", verify, scratch_base, "postgres")
