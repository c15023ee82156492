# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixtures of the lab. A missing prerequisite fails the test with one line that names the Debian package."""

from __future__ import annotations

import collections.abc
import contextlib
import itertools
import pathlib
import signal

import hypothesis
import pytest

from tests.lab.cephrgw import CephRGW
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.smalldisk import SmallDisk
from tests.lab.throwaway import MissingPrerequisiteError
from tests.repetitions import FACTOR, examples

_VARIED = pathlib.Path(__file__).parent / "lab" / "sql" / "varied.sql"
_numbers = itertools.count(1)

# How long an example takes says how busy the machine is: the tests run two at a time, beside servers.
hypothesis.settings.register_profile(
    "tests",
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as of what a shell runs in the background: programs that tests start inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests with the mark ``soak`` to ``make soak``."""
    if FACTOR == 1:
        left_out = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if item not in left_out]
        if left_out:
            config.hook.pytest_deselected(items=left_out)


@contextlib.contextmanager
def _prerequisites_named() -> collections.abc.Iterator[None]:
    try:
        yield
    except MissingPrerequisiteError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> collections.abc.Iterator[PostgresCluster]:
    """One cluster for the whole session. A test that kills, stops or changes it makes its own."""
    with contextlib.ExitStack() as stack:
        with _prerequisites_named():
            cluster = stack.enter_context(PostgresCluster())
        yield cluster


@pytest.fixture(scope="session")
def varied_template(postgres: PostgresCluster) -> str:
    """The name of the database that ``database`` is copied from."""
    name = postgres.create_database("varied_template")
    postgres.execute(_VARIED.read_text(encoding="utf-8"), dbname=name)
    return name


@pytest.fixture
def database(postgres: PostgresCluster, varied_template: str) -> collections.abc.Iterator[Database]:
    """A fresh database with a small varied schema (tests/lab/sql/varied.sql), dropped afterwards."""
    name = postgres.create_database(f"varied_{next(_numbers)}", template=varied_template)
    yield Database(postgres, name)
    postgres.drop_database(name)


@pytest.fixture
def empty_database(postgres: PostgresCluster) -> collections.abc.Iterator[Database]:
    """A fresh database with nothing in it, dropped afterwards."""
    name = postgres.create_database(f"empty_{next(_numbers)}")
    yield Database(postgres, name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def object_store() -> collections.abc.Iterator[ObjectStore]:
    """One S3 server for the whole session."""
    with contextlib.ExitStack() as stack:
        with _prerequisites_named():
            store = stack.enter_context(ObjectStore())
        yield store


@pytest.fixture
def bucket(object_store: ObjectStore) -> collections.abc.Iterator[str]:
    """The name of a fresh, empty bucket, removed afterwards with all it holds."""
    name = object_store.make_bucket(f"bucket-{next(_numbers)}")
    yield name
    object_store.drop_bucket(name)


@pytest.fixture
def fault_proxy(object_store: ObjectStore) -> collections.abc.Iterator[FaultProxy]:
    """A proxy before the S3 server, passing everything through until it is told otherwise."""
    with FaultProxy(object_store.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def ceph() -> collections.abc.Iterator[CephRGW]:
    """Two Ceph zones for the whole session. The tests are skipped where Ceph's packages are not installed."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(CephRGW())
        except MissingPrerequisiteError as error:
            pytest.skip(str(error))
        yield cluster


@pytest.fixture
def small_disk() -> collections.abc.Iterator[SmallDisk]:
    """A file system of 16 MiB. The test is skipped where none can be mounted."""
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(SmallDisk())
        except MissingPrerequisiteError as error:
            pytest.skip(str(error))
        yield disk
