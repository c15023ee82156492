# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports as a verification makes them: green, red, on two thousand tables, on the streams of an account, on
buckets.
"""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE as JETSTREAM
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE as POSTGRESQL
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import (
    Backup,
    Check,
    Control,
    Count,
    Detail,
    Environment,
    Item,
    Measured,
    Part,
    Phase,
    Report,
    Source,
    Step,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import conclude
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._store import STORE as S3

SIZES = {
    "public.packages": (62_903, 21_480_112),
    "public.package_versions": (63_466, 98_213_004),
    "public.dependencies": (291_744, 14_202_880),
    "public.maintainers": (2_418, 187_344),
    "public.sections": (59, 2_212),
    "public.downloads_2025": (1_204_331, 402_113_551),
    "public.downloads_2026": (804_119, 268_402_009),
    "audit.changes": (17_402, 3_118_940),
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def equal_part(name: str, rows: int, size: int) -> Part:
    return Part(name, "passed", rows, rows, size, digest(name), digest(name), "sha256-copy")


CHECKS = (
    Check(
        "stored_hashes",
        "Stored files have the hashes of the manifest",
        "artifact",
        "passed",
        "4 files",
        "4 equal",
        "4 equal",
        0.412,
    ),
    Check(
        "decode",
        "Files decrypt, decompress and read to their end",
        "artifact",
        "passed",
        "4 files, 808 MB",
        seconds=1.904,
    ),
    Check("restore", "pg_restore ends without an error", "restore", "passed", "PostgreSQL 17.6, 2 jobs", 0, 0, 18.212),
    Check("globals", "Roles and memberships are as in the manifest", "restore", "passed", "7 roles", 7, 7, 0.031),
    Check(
        "rows",
        "Row counts are equal",
        "content",
        "passed",
        "",
        2_446_442,
        2_446_442,
        0.8,
        tuple(Item(name, "passed", rows, rows) for name, (rows, _size) in SIZES.items()),
    ),
    Check(
        "fingerprints",
        "Content hashes are equal",
        "content",
        "passed",
        "8 tables, SHA-256 of the COPY stream",
        8,
        8,
        4.611,
    ),
    Check("large_objects", "Large objects are equal", "content", "passed", "12 large objects", 12, 12, 0.044),
    Check("orphans", "No foreign key has an orphan", "structure", "passed", "6 foreign keys by anti-join", 0, 0, 0.702),
    Check("sequences", "Sequences are ahead of their columns", "structure", "passed", "5 sequences", 0, 0, 0.011),
    Check(
        "collations",
        "Collation versions are the ones the indexes were built with",
        "structure",
        "passed",
        "glibc 2.41",
        seconds=0.004,
    ),
    Check("amcheck", "B-tree indexes are sound (amcheck)", "structure", "passed", "14 indexes", 0, 0, 1.377),
    Check("extensions", "Extensions are there with the same version", "structure", "skipped", "The database has none."),
    Check("custom_1", "orders are there", "custom", "passed", "select count(*) from packages", 1000, 62_903, 0.02),
    Check("custom_2", "data is fresh", "custom", "passed", "not older than 26 h", "26 h", "1 h 12 min", 0.018),
)
CONTROLS = (
    Control(
        "flip",
        "A flipped byte",
        "one bit of byte 104,857,600 of pg_codex.dump.zst.age",
        "passed",
        "Refused: SHA-256 differs.",
    ),
    Control(
        "cut",
        "A cut tail",
        "the last 4,096 bytes of pg_codex.dump.zst.age removed",
        "passed",
        "Refused: the file ends early.",
    ),
    Control(
        "row",
        "A dropped row",
        "one row of public.dependencies deleted after the restore",
        "passed",
        "Refused: fingerprint differs.",
    ),
)
STEPS = (
    Step(
        "Fetch the backup",
        "aws s3 cp --recursive s3://shop-backups/lifeboat/shop/codex/20260115T020000Z-3f9a2c/ ./backup/",
    ),
    Step("Check the hashes", "cd backup && sha256sum --check SHA256SUMS"),
    Step(
        "Decrypt and decompress",
        "age --decrypt -i operations.key pg_codex_20260115T020000Z.dump.zst.age | zstd -d > codex.dump",
    ),
    Step("Restore", "createdb codex_new\npg_restore --exit-on-error --no-owner -d codex_new codex.dump"),
)


@pytest.fixture(scope="session")
def passed_report() -> Report:
    return conclude(
        Report(
            app="shop",
            component="codex",
            backup_id="20260115T020000Z-3f9a2c",
            repository="s3://shop-backups/lifeboat",
            profile="full",
            started_at="2026-01-15T03:12:04Z",
            finished_at="2026-01-15T03:12:41Z",
            source=Source.of(POSTGRESQL, "17.6 (Debian 17.6-1.pgdg13+1)", "codex", "db1.shop.internal:5432"),
            backup=Backup(
                taken_at="2026-01-15T02:00:00Z",
                snapshot_at="2026-01-15T02:00:01Z",
                age_seconds=4_323.0,
                plain_bytes=807_720_052,
                stored_bytes=204_118_331,
                counts=(Count("tables", 8), Count("rows", 2_446_442), Count("large objects", 12)),
                compression="zstd level 3",
                encryption="age, 2 recipients",
                details=(Detail("Log position", "2A/7F003D48"),),
                repositories=("/var/backups/lifeboat", "s3://shop-backups/lifeboat"),
            ),
            environment=Environment(
                "rehearsal-1.shop.internal",
                {
                    "ansible-core": "2.19.14",
                    "lifeboat.dr": "1.0.0",
                    "pg_restore": "17.6",
                    "zstd": "1.5.7",
                    "age": "pyrage 1.4.0",
                },
            ),
            measured=Measured(19.442, 9.871, 37.204, 4_323.0, 41_545_111.0),
            phases=(
                Phase("fetch", "Fetch and check the hashes", 3.902, 204_118_331),
                Phase("decode", "Decrypt and decompress", 1.904, 807_720_052),
                Phase("schema", "Restore the schema", 0.611),
                Phase("data", "Restore the data", 12.804, 807_720_052),
                Phase("indexes", "Build indexes and constraints", 6.027),
                Phase("compare", "Compare the content", 6.102, 807_720_052),
                Phase("controls", "Try the damaged copies", 4.911),
            ),
            checks=CHECKS,
            controls=CONTROLS,
            parts=tuple(equal_part(name, rows, size) for name, (rows, size) in SIZES.items()),
            restore_by_hand=STEPS,
        )
    )


def with_failures(report: Report) -> Report:
    orphans = Check(
        "orphans",
        "No foreign key has an orphan",
        "structure",
        "failed",
        "3 rows of 1 foreign key point at nothing.",
        0,
        3,
        0.702,
        (
            Item("dependencies_package_id_fkey", "failed", 0, 3, "public.dependencies.package_id → public.packages.id"),
            Item("package_versions_package_id_fkey", "passed", 0, 0),
        ),
    )
    content = Check(
        "fingerprints",
        "Content hashes are equal",
        "content",
        "failed",
        "2 of 8 tables came back with other content.",
        8,
        6,
        4.611,
        (
            Item("public.dependencies", "failed", digest("public.dependencies"), digest("other"), "3 rows missing"),
            Item(
                "public.sections",
                "failed",
                digest("public.sections"),
                digest("flipped"),
                "as many rows, but other content",
            ),
        ),
    )
    fresh = Check(
        "custom_2", "data is fresh", "custom", "failed", "The newest row is too old.", "26 h", "3 d 4 h", 0.018
    )
    replaced = {check.id: check for check in (orphans, content, fresh)}
    tables = {table.name: table for table in report.parts}
    tables["public.dependencies"] = dataclasses.replace(
        tables["public.dependencies"], status="failed", count_restored=291_741, fingerprint_restored=digest("other")
    )
    tables["public.sections"] = dataclasses.replace(
        tables["public.sections"], status="failed", fingerprint_restored=digest("flipped")
    )
    return conclude(
        dataclasses.replace(
            report,
            verdict="failed",
            checks=tuple(replaced.get(check.id, check) for check in report.checks),
            parts=tuple(tables.values()),
            measured=dataclasses.replace(report.measured, data_age_seconds=None),
        )
    )


@pytest.fixture(scope="session")
def failed_report(passed_report: Report) -> Report:
    return with_failures(passed_report)


def many_tables(report: Report) -> Report:
    tables = [
        equal_part(f"tenant_{number // 40:02}.order_lines_{number:04}", 1_000 + number * 37, 64_000 + number * 2_113)
        for number in range(2_000)
    ]
    for number in (7, 1_033, 1_999):
        tables[number] = dataclasses.replace(
            tables[number], status="failed", count_restored=number, fingerprint_restored=digest("other")
        )
    content = Check(
        "fingerprints", "Content hashes are equal", "content", "failed", "3 of 2,000 tables differ.", 2_000, 1_997, 71.2
    )
    checks = tuple(content if check.id == "fingerprints" else check for check in report.checks)
    return conclude(dataclasses.replace(report, verdict="failed", parts=tuple(tables), checks=checks))


@pytest.fixture(scope="session")
def many_tables_report(passed_report: Report) -> Report:
    return many_tables(passed_report)


def of_streams(report: Report) -> Report:
    """The same verification, of an account of NATS."""
    return conclude(
        dataclasses.replace(
            report,
            verdict="failed",
            source=Source.of(JETSTREAM, "2.14.6", "SHOP", "nats://n1.shop.internal:4222"),
            backup=dataclasses.replace(
                report.backup,
                counts=(Count("streams", 2), Count("messages", 1_007), Count("consumers", 3)),
                compression="none",
                details=(),
            ),
            parts=(equal_part("ORDERS", 1_000, 64_000), equal_part("KV_settings", 7, 412)),
        )
    )


@pytest.fixture(scope="session")
def streams_report(passed_report: Report) -> Report:
    return of_streams(passed_report)


@pytest.fixture(scope="session")
def buckets_report(passed_report: Report) -> Report:
    source = Source.of(S3, "", "pictures", "https://s3.shop.internal")
    return conclude(
        dataclasses.replace(
            passed_report,
            verdict="failed",
            source=source,
            parts=(equal_part("pictures", 1, 1), equal_part("texts", 5, 2)),
        )
    )
