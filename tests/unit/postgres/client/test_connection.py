# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections: what may be seen of them holds no secret, and what is quoted is read back as it was."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import start
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn as parsed_by_libpq

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
SECRET = "tr0ub4dor"


@given(st.dictionaries(st.sampled_from(["host", "user", "dbname", "sslrootcert", "options"]), VALUES))
@example({"user": "it's", "dbname": "a\\'b c", "host": "\\"})
def test_a_connection_string_is_read_back_by_libpq_as_it_was(parameters: dict[str, str]) -> None:
    assert parsed_by_libpq(Connection(parameters).conninfo()) == {"application_name": "lifeboat", **parameters}


@given(
    st.dictionaries(st.sampled_from(["host", "user", "dbname", "port"]), st.from_regex(r"[a-z]{1,9}", fullmatch=True))
)
def test_neither_the_description_nor_the_connection_string_holds_a_secret(parameters: dict[str, str]) -> None:
    connection = Connection({**parameters, "password": SECRET, "passfile": f"/{SECRET}"})
    assert SECRET not in connection.describe() + connection.conninfo()


def test_secrets_travel_in_the_environment() -> None:
    environment = Connection({"password": SECRET, "passfile": "/home/.pgpass"}).environment()
    assert (environment["PGPASSWORD"], environment["PGPASSFILE"]) == (SECRET, "/home/.pgpass")


def test_without_a_password_the_environment_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    environment = Connection({"host": "db1"}).environment()
    assert "PGPASSWORD" not in environment
    assert "PGCLIENTENCODING" not in environment


@pytest.mark.parametrize(
    "name", ["sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key", "what_comes_next"]
)
def test_whatever_is_not_known_to_be_public_stands_in_no_argument(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSERVICE", raising=False)
    connection = Connection({"host": "db1", name: SECRET})
    assert SECRET not in connection.conninfo() + connection.describe()
    assert connection.private == {name: SECRET} and "service='lifeboat'" in connection.conninfo()
    assert Connection({"host": "db1", "password": SECRET}).private == {}
    with pytest.raises(OptionError, match=name) as raised:
        Connection({"service": "own", name: SECRET})
    assert SECRET not in str(raised.value)


def test_a_program_reads_the_other_secrets_from_a_service_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSERVICE", raising=False)
    shown = 'cat "$PGSERVICEFILE"; cat "$PGSERVICEFILE" | wc -l; readlink "$PGSERVICEFILE"'
    with start(["sh", "-c", shown], Connection({"host": "db1", "sslpassword": "s p#1", "x": "="})) as program:
        lines = b"".join(program.read(Deadline(30))).decode().splitlines()
    assert lines[:4] == ["[lifeboat]", "sslpassword=s p#1", "x==", "3"]
    assert "memfd:" in lines[4] or "(deleted)" in lines[4]
    with pytest.raises(OptionError, match="line end") as raised, start(["true"], Connection({"x": f"{SECRET}\n"})):
        pass
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://backup:{SECRET}%zz@db1/codex",
        f"postgresql://backup:{SECRET}@[db1/codex",
        f"postgresql://backup@db1/codex?password={SECRET}%zz",
        f"postgresql://backup@db1/codex?{SECRET}",
        f"postgresql://backup@db1/codex?{SECRET}=1",
        f"postgresql://backup@db1/codex?password=a={SECRET}",
        f"postgresql://backup:[{SECRET}@db1/x/y?z",
        f"host=db1 password=correct {SECRET} staple",
        f"host=db1 password=correct {SECRET}=staple",
        f"host=db1 password='{SECRET}",
        f'host=db1 password=a " {SECRET} "b',
        f'host=db1 password=a "{SECRET}=b',
        SECRET,
    ],
)
def test_an_error_in_a_connection_string_never_shows_the_password(dsn: str) -> None:
    with pytest.raises(OptionError, match="^dsn is not a connection string") as raised:
        parse_dsn("dsn", dsn)
    assert SECRET not in str(raised.value.to_result())
    assert raised.value.__cause__ is None


@given(VALUES)
def test_whatever_the_password_is_an_error_does_not_show_it(tail: str) -> None:
    for dsn in (f"postgresql://u:{SECRET}{tail}%zz@h/d", f"host=h password=a {SECRET}{tail}", f"host=h {tail}{SECRET}"):
        try:
            parse_dsn("dsn", dsn)
        except OptionError as error:
            assert SECRET not in str(error)


def test_options_come_over_the_dsn_and_connect_params_over_both() -> None:
    options = {
        "dsn": "postgresql://backup:s%40crets@db1:5433/codex?sslmode=require",
        "login_host": "db2",
        "login_user": None,
        "login_port": "",
        "connect_params": {"sslmode": "verify-full"},
    }
    assert connection_from_options(options).parameters == {
        "user": "backup",
        "password": "s@crets",
        "host": "db2",
        "port": "5433",
        "dbname": "codex",
        "sslmode": "verify-full",
    }


def test_a_description_is_made_of_options_first_and_the_environment_second(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db9", "PGPORT": "5444", "PGUSER": "env", "PGDATABASE": "envdb"}.items():
        monkeypatch.setenv(name, value)
    assert Connection({}).describe() == "env@db9:5444/envdb"
    assert Connection({"host": "db1", "port": 5432, "user": "u", "dbname": "d"}).describe() == "u@db1:5432/d"


def test_another_database_of_the_same_server_keeps_all_else() -> None:
    other = Connection({"host": "db1", "password": SECRET, "dbname": "a"}).with_database("b c")
    assert other.parameters == {"host": "db1", "password": SECRET, "dbname": "b c"}
