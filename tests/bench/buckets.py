# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""S3: comparing buckets with ``s3_replication_info``, and undeleting with ``s3_replication``, against boto3, rclone and
aws.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import http.client
import json
import os
import pathlib
import sys
import typing as t

from tests.bench.measure import Contestant, MeasureError, Run, run, run_module
from tests.bench.suite import Measured, Settings
from tests.bench.table import Row
from tests.lab import s3peers, throwaway
from tests.lab.listing_server import ListingServer
from tests.lab.objectstore import ObjectStore

_HERE = pathlib.Path(__file__).parent
_COLLECTIONS = _HERE.parents[1] / ".ansible" / "collections"
_LATENCY = 0.1
_PARALLEL = 32
_PAIR, _LARGE_PAIR, _HUGE_PAIR = 50_000, 1_000_000, 10_000_000
_MARKERS, _MARKERS_ONE_BY_ONE = 100_000, 5_000
_BUCKET = "bench-chunks"

COMPARE, COMPARE_LARGE = "s3_replication_info", "s3_replication_info, large pair"
COMPARE_HUGE = "s3_replication_info, ten million"
BOTO3, AWS = "boto3's paginator", "aws s3 sync --dryrun"
RCLONE, RCLONE_32 = "rclone check --size-only", "rclone check --size-only --checkers 32"
UNDELETE, ONE_BY_ONE = "s3_recover, undeleted", "delete_object of boto3, one by one"

ROWS = (
    Row("listing", "a pair of buckets at 100 ms", "rate", (COMPARE_LARGE,), "", 100_000, "objects"),
    Row("listing", "a pair of buckets at 100 ms", "faster", (COMPARE_LARGE,), BOTO3, 10, "objects"),
    Row("listing", "heads when listings agree", "count", (f"{COMPARE_LARGE}, heads",), "", 0, "heads"),
    Row("sync", "the same large pair at 100 ms", "faster", (COMPARE_LARGE,), RCLONE, 3),
    Row(
        "sync", "the same large pair at 100 ms", "faster", (COMPARE_LARGE,), RCLONE_32, 2
    ),  # a bar of our own: with its defaults it has 8
    Row("sync", "the same pair at 100 ms", "faster", (COMPARE,), AWS, 3),
    Row("keys", "peak memory at ten million keys", "megabytes", (COMPARE_HUGE,), "", 150),
    Row("undelete", "undelete 100,000 markers", "seconds", (UNDELETE,), "", 60),
    Row("undelete", "undelete markers", "faster", (UNDELETE,), ONE_BY_ONE, 5, "markers"),
)


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    measured = Measured(ROWS)
    folder = throwaway.Folder("bench-s3")
    try:
        if {"listing", "sync"} & set(settings.keys):
            _measure_pairs(settings, measured, pathlib.Path(folder.path))
        if "keys" in settings.keys:
            _measure_memory(settings, measured)
        if "undelete" in settings.keys:
            _measure_undelete(settings, measured, pathlib.Path(folder.path))
    finally:
        folder.remove()
    return measured


def _measure_pairs(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    count, large = settings.scaled(_PAIR), settings.scaled(_LARGE_PAIR)
    programs = s3peers.ensure_installed()
    with ListingServer(
        {"one": count, "two": count, "large-one": large, "large-two": large}, latency=_LATENCY
    ) as server:
        listings = _Listings(server, folder, programs)
        settings.say(f"A pair of buckets with {large:,} objects each, at {_LATENCY * 1000:.0f} ms ...")
        works = [Contestant(COMPARE_LARGE, lambda: listings.compare("large-one", "large-two", large))]
        if "sync" in settings.keys:
            works += [
                Contestant(RCLONE, lambda: listings.by_rclone(large)),
                Contestant(RCLONE_32, lambda: listings.by_rclone(large, f"--checkers={_PARALLEL}")),
            ]
        measured.figures |= settings.figures(works)
        figures = measured.figures[COMPARE_LARGE]
        measured.figures[f"{COMPARE_LARGE}, heads"] = dataclasses.replace(figures, work=server.object_heads)
        settings.say(f"A pair of buckets with {count:,} objects each, at {_LATENCY * 1000:.0f} ms ...")
        works = [Contestant(COMPARE, lambda: listings.compare("one", "two", count))]
        if "listing" in settings.keys:
            works.append(Contestant(BOTO3, lambda: listings.by_boto3(count)))
        if "sync" in settings.keys:
            works.append(Contestant(AWS, lambda: listings.by_aws(count)))
        # One page after the other: a quarter of a minute each time, which does not vary.
        measured.figures |= settings.figures(works, rounds=min(2, settings.rounds), warm_up=False)
    measured.remarks.append(
        f"Pairs of {large:,} objects (ours, rclone) and {count:,} (boto3, aws) of a server that makes up its listings "
        "and waits "
        f"{_LATENCY * 1000:.0f} ms with each; {_PARALLEL} requests at a time on each side. The rates count each pair "
        "of objects once."
    )


def _measure_memory(settings: Settings, measured: Measured) -> None:
    count = settings.scaled(_HUGE_PAIR)
    with ListingServer({"one": count, "two": count}) as server:
        settings.say(f"A pair of buckets with {count:,} objects each ...")
        listings = _Listings(server, pathlib.Path(), pathlib.Path())
        works = [Contestant(COMPARE_HUGE, lambda: listings.compare("one", "two", count))]
        measured.figures |= settings.figures(works, rounds=1, warm_up=False)
    measured.remarks.append(f"Memory: a pair of {count:,} objects each.")


class _Listings:
    """The programs that compare two buckets of a listing server."""

    def __init__(self, server: ListingServer, folder: pathlib.Path, programs: pathlib.Path) -> None:
        self._server = server
        self._programs = programs
        self._environment = throwaway.base_environment(
            {
                "PYTHONPATH": str(_COLLECTIONS),
                "HOME": str(folder),
                "LC_ALL": "C.UTF-8",
                **_aws_environment(server.endpoint_url, server.access_key, server.secret_key),
                "RCLONE_CONFIG": os.devnull,
                "RCLONE_CONFIG_LAB_TYPE": "s3",
                "RCLONE_CONFIG_LAB_PROVIDER": "Other",
                "RCLONE_CONFIG_LAB_ENV_AUTH": "true",
                "RCLONE_CONFIG_LAB_ENDPOINT": server.endpoint_url,
                "RCLONE_CONFIG_LAB_REGION": "us-east-1",
                "RCLONE_CONFIG_LAB_FORCE_PATH_STYLE": "true",
                "RCLONE_CONFIG_LAB_LIST_VERSION": "2",  # as for Amazon S3; the listing server knows no other
            }
        )

    def compare(self, one: str, other: str, count: int) -> Run:
        """Ours."""
        arguments = {"source": self._server.side(one), "destination": self._server.side(other), "parallel": _PARALLEL}
        done = run_module("s3_replication_info", arguments, self._environment)
        result = json.loads(done.output)
        if result["verdict"] != "in_sync" or result["compared"]["matched"] != count:
            raise MeasureError(f"The comparison of {count} objects says: {result['summary']}")
        return _with_work(done, count)

    def by_boto3(self, count: int) -> Run:
        """The paginator, and two dictionaries."""
        done = run([sys.executable, str(_HERE / "s3_by_boto3.py"), "compare", "one", "two"], self._environment)
        if int(done.output) != count:
            raise MeasureError(f"boto3 found {done.output} of {count} objects.")
        return _with_work(done, count)

    def by_rclone(self, count: int, *options: str) -> Run:
        """It lists several folders at a time, which these keys suit; with --fast-list it would have one list at a
        time.
        """
        command = [
            str(self._programs / "rclone"),
            "check",
            "lab:large-one",
            "lab:large-two",
            "--size-only",
            "--match=-",
            *options,
        ]
        done = run(command, self._environment)
        if len(done.output.splitlines()) != count:
            raise MeasureError(f"rclone found {len(done.output.splitlines())} of {count} objects to be the same.")
        return _with_work(done, count)

    def by_aws(self, count: int) -> Run:
        """It says what it would copy, which is nothing."""
        done = run([str(self._programs / "aws"), "s3", "sync", "--dryrun", "s3://one", "s3://two"], self._environment)
        if done.output:
            raise MeasureError(f"aws s3 sync would copy: {done.output[:300]}")
        return _with_work(done, count)


def _measure_undelete(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    count, fewer = settings.scaled(_MARKERS), settings.scaled(_MARKERS_ONE_BY_ONE)
    with ObjectStore() as store:
        settings.say(f"An S3 server (ministack) with {count:,} deleted objects ...")
        markers = _Markers(store, folder, count)
        works = [Contestant(UNDELETE, markers.undelete), Contestant(ONE_BY_ONE, lambda: markers.one_by_one(fewer))]
        measured.figures |= settings.figures(works, rounds=min(2, settings.rounds), warm_up=False)
    measured.remarks.append(
        f"Undeleting: {count:,} delete markers in a bucket of ministack, {fewer:,} of them one by one."
    )


class _Markers:
    """A bucket whose objects are all deleted, again before each turn."""

    def __init__(self, store: ObjectStore, folder: pathlib.Path, count: int) -> None:
        self._store = store
        self._folder = folder
        self._keys = [f"chunks/{number:08d}" for number in range(count)]
        for name in (_BUCKET, f"{_BUCKET}-dr"):
            store.make_bucket(name, versioning=True)
        self._fill()
        self._environment = throwaway.base_environment(
            {"PYTHONPATH": str(_COLLECTIONS), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        )

    def undelete(self) -> Run:
        """Ours: one bucket, with its journal."""
        self._delete(self._keys)
        arguments = {
            "state": "undeleted",
            "source": self._side(_BUCKET),
            "destination": self._side(f"{_BUCKET}-dr"),
            "sides": "source",
            "deleted_after": "1d",
            "confirm_bucket": _BUCKET,
            "state_dir": str(self._folder / "state"),
        }
        done = run_module("s3_recover", arguments, self._environment)
        if json.loads(done.output)["undeleted"]["source"] != len(self._keys):
            raise MeasureError(f"Not all of {len(self._keys)} objects came back: {done.output[:300]}")
        return _with_work(done, len(self._keys))

    def one_by_one(self, count: int) -> Run:
        """As a loop over the paginator does it, for some of them."""
        self._delete(self._keys)
        aws = _aws_environment(self._store.endpoint_url, self._store.access_key, self._store.secret_key)
        done = run(
            [sys.executable, str(_HERE / "s3_by_boto3.py"), "undelete", _BUCKET, str(count)],
            {**self._environment, **aws},
        )
        if int(done.output) != count:
            raise MeasureError(f"{done.output} of {count} markers were removed.")
        self._undelete_the_rest()
        return _with_work(done, count)

    def _undelete_the_rest(self) -> None:
        """Two markers on one key would count as two."""
        for page in self._store.client.get_paginator("list_object_versions").paginate(Bucket=_BUCKET):
            markers: list[t.Any] = [
                {"Key": one["Key"], "VersionId": one["VersionId"]} for one in page.get("DeleteMarkers", [])
            ]
            if markers:
                self._store.client.delete_objects(Bucket=_BUCKET, Delete={"Objects": markers, "Quiet": True})

    def _delete(self, keys: t.Sequence[str]) -> None:
        for at in range(0, len(keys), 1000):
            objects: list[t.Any] = [{"Key": key} for key in keys[at : at + 1000]]
            self._store.client.delete_objects(Bucket=_BUCKET, Delete={"Objects": objects, "Quiet": True})

    def _fill(self) -> None:
        """With plain HTTP, as this server checks no signatures: boto3 would take three times as long."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self._put, (self._keys[::2], self._keys[1::2])))

    def _put(self, keys: t.Sequence[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._store.port, timeout=60)
        for key in keys:
            connection.request("PUT", f"/{_BUCKET}/{key}", body=b"x")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise MeasureError(f"The S3 server answered {answer.status} to a PUT.")
        connection.close()

    def _side(self, bucket: str) -> dict[str, t.Any]:
        keys = {"access_key": self._store.access_key, "secret_key": self._store.secret_key}
        return {"bucket": bucket, "endpoint_url": self._store.endpoint_url, **keys}


def _aws_environment(endpoint_url: str, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _with_work(done: Run, work: float) -> Run:
    return dataclasses.replace(done, work=work)
