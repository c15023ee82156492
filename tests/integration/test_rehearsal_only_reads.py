# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal's proof and report with credentials that can only read, as a staging host should have them."""

from __future__ import annotations

import collections.abc
import hashlib
import json
import pathlib
import time
import typing as t

import botocore.exceptions
import pytest

from tests.integration.modules import run_module
from tests.lab.postgres import Database, bin_dir
from tests.lab.throwaway import MissingPrerequisiteError
from tests.lab.versitygw import VersityGW


@pytest.fixture(scope="module")
def gateway() -> collections.abc.Iterator[VersityGW]:
    """A server that has accounts with rights of their own."""
    try:
        with VersityGW() as server:
            yield server
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))


@pytest.mark.soak
def test_a_backup_is_proven_by_an_account_that_can_only_read_and_the_report_is_written_beside(
    gateway: VersityGW, empty_database: Database, tmp_path: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    empty_database.execute("create table receipts as select generate_series(1, 100) as id")
    bucket = gateway.make_bucket("only-read")
    common: dict[str, t.Any] = {"app": "shop", "component": "codex"}
    taken = run_module(
        "pg_backup",
        {**common, "dsn": empty_database.dsn(), "repositories": [gateway.side(bucket)], "bin_dir": str(bin_dir()),
         "state_dir": str(tmp_path / "state")},
    )  # fmt: skip
    assert not taken.get("failed"), taken
    before = {one["Key"] for one in gateway.client.list_objects_v2(Bucket=bucket)["Contents"]}

    reader = gateway.make_reader(bucket)
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        gateway.client_of(reader).put_object(Bucket=bucket, Key="anything", Body=b"")
    shared = {"scratch_shares_account": True}  # containers of other tests may use the number of the account
    proven = run_module(
        "pg_verify",
        {**common, **shared, "repositories": [reader], "profile": "full", "bin_dir": str(bin_dir()),
         "scratch_dir": str(scratch_base), "report_dir": str(tmp_path / "reports"),
         "time_limit": "5m"},
    )  # fmt: skip
    assert not proven.get("failed") and proven["verdict"] == "passed", proven
    assert "could not be recorded as s3://only-read" in str(proven["warnings"]), "a warning says so"
    assert pathlib.Path(proven["report_files"]["html"]).exists()

    step = {"name": "prove", "title": "prove", "status": "passed", "began": time.time(), "seconds": 1.0}
    proof = {"name": "codex, newest", "component": "codex", "engine": "postgresql", "status": "passed",
             "backup_id": taken["backup_id"], "restore_seconds": 1.0}  # fmt: skip
    for number, run_id in enumerate(("r1", "r2"), 1):
        reported = run_module(
            "rehearsal_report",
            {"app": "shop", "run_id": run_id, "repositories": [reader], "began": time.time(), "steps": [step],
             "proofs": [proof], "report_dir": str(tmp_path / "rehearsals")},
        )  # fmt: skip
        assert reported["verdict"] == "passed" and reported["number"] == number, reported
        assert "The report could not be stored in" in str(reported["warnings"])
    first = (tmp_path / "rehearsals" / "shop_rehearsal_r1.json").read_bytes()
    second = json.loads(pathlib.Path(reported["report_files"]["json"]).read_text())
    assert second["verdict"] == "passed" and second["previous_sha256"] == hashlib.sha256(first).hexdigest()
    index = pathlib.Path(reported["report_files"]["index"]).read_text()
    assert 'href="shop_rehearsal_r1.html"' in index and 'href="shop_rehearsal_r2.html"' in index
    assert {one["Key"] for one in gateway.client.list_objects_v2(Bucket=bucket)["Contents"]} == before
