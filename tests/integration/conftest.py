# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of one varied database, taken once and copied for each test that damages them."""

from __future__ import annotations

import collections.abc
import copy
import pathlib
import shutil
import tempfile

import pytest

from tests.integration import every_restore_by_hand, modules
from tests.integration.backups import Stock
from tests.integration.nats_servers import nats_server
from tests.integration.paths_place import PathsPlace, fill, new_place
from tests.integration.redis_place import full_server
from tests.lab.postgres import Database, PostgresCluster

__all__ = ["full_server", "nats_server"]  # fixtures for all tests of this folder

OWNER = "shop_owner"
READER = 'Odd "Role"; it\'s'
_MORE = """
    create table owned (id integer primary key, secret text);
    insert into owned select i, 'row ' || i from generate_series(1, 50) as i;
    alter table owned owner to shop_owner;
    grant select on owned to "Odd ""Role""; it's" with grant option;
    grant usage on schema audit to "Odd ""Role""; it's";
    alter table owned enable row level security;
    create policy own_rows on owned for select to "Odd ""Role""; it's" using (id < 10);
    revoke all on function audit.remember_state() from public;
    comment on index orders_open is 'What is still to do';
    comment on trigger remember_state on orders is 'Who did it';
    create table emails (email citext references customers (email));
    insert into emails values ('CUSTOMER1@example.org');
"""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Restore by hand what is backed up for this test, in its fixtures, too: unless its mark says why not."""
    wanted = every_restore_by_hand.WANTED and not item.get_closest_marker("not_by_hand")
    modules.after_module[:] = [every_restore_by_hand.after_module] if wanted else []
    PostgresCluster.before_end[:] = [every_restore_by_hand.before_end] if wanted else []


@pytest.fixture(scope="session")
def source(postgres: PostgresCluster, varied_template: str) -> collections.abc.Iterator[Database]:
    """A varied database with owners, grants, policies and settings. No test may change it."""
    for role in (OWNER, READER):
        postgres.create_role(role)
    name = postgres.create_database("source of all", template=varied_template)
    database = Database(postgres, name)
    database.execute(_MORE)
    postgres.execute('alter database "source of all" set search_path to "$user", public, "Odd Schema; it\'s"')
    postgres.execute("alter database \"source of all\" set work_mem to '5MB'")
    postgres.execute('alter database "source of all" set default_transaction_read_only to on')
    yield database
    postgres.drop_database(name)


def _stock(
    tmp_path_factory: pytest.TempPathFactory, source: Database, name: str, jobs: int, encryption: str, compression: str
) -> Stock:
    stock = Stock.new(tmp_path_factory.mktemp(name), encryption=encryption, compression=compression)
    stock.back_up(source, jobs=jobs)
    return stock


@pytest.fixture(scope="session")
def age_stock(tmp_path_factory: pytest.TempPathFactory, source: Database) -> Stock:
    """zstd and age, one stream. No test may change it."""
    return _stock(tmp_path_factory, source, "age", 1, "age", "zstd")


@pytest.fixture(scope="session")
def plain_stock(tmp_path_factory: pytest.TempPathFactory, source: Database) -> Stock:
    """No compression and no encryption, three streams. No test may change it."""
    return _stock(tmp_path_factory, source, "plain", 3, "none", "none")


@pytest.fixture(scope="session")
def gpg_stock(tmp_path_factory: pytest.TempPathFactory, source: Database) -> Stock:
    """zstd and gpg with a passphrase, two streams. No test may change it."""
    return _stock(tmp_path_factory, source, "gpg", 2, "gpg", "zstd")


@pytest.fixture
def copied(tmp_path: pathlib.Path) -> collections.abc.Callable[..., Stock]:
    """Copies a stock, so that a test may damage it; ``copies`` repositories with the same backup."""

    def copied_stock(stock: Stock, copies: int = 1) -> Stock:
        own = copy.deepcopy(stock)
        own.repositories = [{"path": str(tmp_path / f"copy{number + 1}")} for number in range(copies)]
        for repository in own.repositories:
            shutil.copytree(stock.repositories[0]["path"], repository["path"])
        return own

    return copied_stock


@pytest.fixture
def scratch_base() -> collections.abc.Iterator[pathlib.Path]:
    """An empty folder that every account can reach, with a short path: a socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as folder:
        path = pathlib.Path(folder)
        path.chmod(0o777)
        yield path


@pytest.fixture(scope="session")
def restic_template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An empty restic repository, to be copied: to make one takes seconds. No test may change it."""
    place = new_place(tmp_path_factory.mktemp("restic"), None)
    place.restic("init")
    return pathlib.Path(place.restic_repository)


@pytest.fixture
def paths_place(tmp_path: pathlib.Path, restic_template: pathlib.Path) -> PathsPlace:
    """A place of its own, with an empty restic repository and one small file to back up."""
    place = new_place(tmp_path, restic_template)
    (place.source / "a").write_text("some text", encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def paths_stock(tmp_path_factory: pytest.TempPathFactory, restic_template: pathlib.Path) -> PathsPlace:
    """One backup of files of all kinds, every file hashed, encrypted with age. No test may change it."""
    place = new_place(tmp_path_factory.mktemp("paths"), restic_template, "age")
    fill(place.source)
    result = place.back_up(fingerprint="full")
    assert not result.get("failed"), result.get("msg")
    return place


@pytest.fixture
def paths_copy(paths_stock: PathsPlace, tmp_path: pathlib.Path) -> PathsPlace:
    """A copy of the stock, so that a test may damage it. Its source is the stock's, which no test may change."""
    for name in ("catalog", "restic", "restic.password"):
        copy = shutil.copytree if (paths_stock.folder / name).is_dir() else shutil.copy2
        copy(paths_stock.folder / name, tmp_path / name)
    return PathsPlace(tmp_path, paths_stock.keys, str(tmp_path / "restic"))
