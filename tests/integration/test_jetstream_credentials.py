# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way to sign in, on servers that let nobody else in: it backs up and restores, a wrong one is one clear line, no
secret is shown.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import json
import os
import pathlib
import runpy
import ssl
import typing as t

import nkeys
import pytest

from tests.integration.jetstream_place import Client, Place
from tests.integration.modules import run_module
from tests.lab.nats import NatsServer, make_certificates

_PASSWORD = "p@ss/w0rd:%?#"
_TOKEN = "t/0 ken:%"
_ACCOUNT = pathlib.Path(__file__).parents[2] / "molecule" / "backup" / "files" / "make_account.py"
_NOT_LET_IN = "does not let us in: the user, password, token, nkey or credentials are not those of one of its users"


@dataclasses.dataclass
class Way:
    """A server, who the test's own client is, what lets the module in, what does not and what is said then, and what
    may not be shown.
    """

    server: NatsServer
    witness: dict[str, t.Any]
    right: list[dict[str, t.Any]]
    wrong: list[tuple[dict[str, t.Any], str]]
    secrets: list[str]
    restore: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # over what is right, where it is another user


def _private(path: pathlib.Path, content: bytes | str) -> str:
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@contextlib.contextmanager
def password(_folder: pathlib.Path) -> collections.abc.Iterator[Way]:
    users = [{"user": "ops", "password": _PASSWORD}]
    with NatsServer("2.14", accounts={"SHOP": {"jetstream": "enabled", "users": users}}) as server:
        here = server.url()
        yield Way(
            server,
            {"user": "ops", "password": _PASSWORD},
            [{"url": server.url("ops")}, {"url": here, "user": "ops", "password": _PASSWORD}],
            [
                ({"url": here}, _NOT_LET_IN),
                ({"url": here, "user": "ops", "password": "wr0ng-secret"}, _NOT_LET_IN),
                ({"url": here, "user": "nobody", "password": _PASSWORD}, _NOT_LET_IN),
                ({"url": here.replace("//", "//ops:wr0ng-secret@")}, _NOT_LET_IN),
                ({"url": here.replace("//", f"//ops:{_PASSWORD}@")}, "must be percent-encoded"),
                ({"url": here, "user": "ops"}, "user and password belong together"),
                (
                    {"url": here, "user": "ops", "password": _PASSWORD, "token": "wr0ng-secret"},
                    "user and token are given",
                ),
            ],
            [_PASSWORD, server.url("ops").partition("ops:")[2].partition("@")[0], "wr0ng-secret"],
        )


@contextlib.contextmanager
def token(_folder: pathlib.Path) -> collections.abc.Iterator[Way]:
    with NatsServer("2.15", settings={"authorization": {"token": _TOKEN}}) as server:
        here = server.url()
        yield Way(
            server,
            {"token": _TOKEN},
            [{"url": here, "token": _TOKEN}, {"url": here.replace("//", "//t%2F0%20ken%3A%25@")}],
            [
                ({"url": here}, _NOT_LET_IN),
                ({"url": here, "token": "wr0ng-secret"}, _NOT_LET_IN),
                ({"url": here.replace("//", "//wr0ng-secret@")}, _NOT_LET_IN),
            ],
            [_TOKEN, "t%2F0%20ken", "wr0ng-secret"],
        )


@contextlib.contextmanager
def nkey(folder: pathlib.Path) -> collections.abc.Iterator[Way]:
    seeds = [nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode() for _number in range(2)]
    files = [_private(folder / f"seed{number}", f"# who we are\n{seed}\n") for number, seed in enumerate(seeds)]
    public = bytes(nkeys.from_seed(bytearray(seeds[0].encode())).public_key).decode()
    broken = _private(folder / "broken", f"{seeds[0][:-9]}\n")
    with NatsServer("2.14", accounts={"SHOP": {"jetstream": "enabled", "users": [{"nkey": public}]}}) as server:
        here = server.url()
        yield Way(
            server,
            {"nkeys_seed_str": seeds[0]},
            [{"url": here, "nkey_seed_file": files[0]}],
            [
                ({"url": here}, _NOT_LET_IN),
                ({"url": here, "nkey_seed_file": files[1]}, _NOT_LET_IN),
                (
                    {"url": here, "nkey_seed_file": broken},
                    f"nkey_seed_file: the seed in {broken} is not the seed of a user's nkey",
                ),
                (
                    {"url": here, "nkey_seed_file": "/nowhere"},
                    "nkey_seed_file: /nowhere cannot be read: No such file or directory",
                ),
                ({"url": here, "nkey_seed_file": _private(folder / "empty", "")}, "holds no seed of a user"),
            ],
            [*seeds, seeds[0][:-9]],
        )


@contextlib.contextmanager
def credentials_file(folder: pathlib.Path) -> collections.abc.Iterator[Way]:
    """An operator, an account, and users who may do what the how-to page on rights names and no more."""
    made = [folder / "ours", folder / "strangers"]
    for one in made:
        one.mkdir()
        runpy.run_path(str(_ACCOUNT))["main"](one)
    lines = (made[0] / "accounts.conf").read_text(encoding="utf-8").splitlines()
    settings = {key: json.loads(value) for key, _colon, value in (line.partition(": ") for line in lines)}
    jwt = (made[0] / "app.jwt").read_bytes()
    backup = (made[0] / "backup.creds").read_text(encoding="utf-8")
    foreign = (made[1] / "backup.creds").read_text(encoding="utf-8")
    seeds = [text.split("-----BEGIN USER NKEY SEED-----\n")[1].split("\n")[0] for text in (backup, foreign)]
    mixed = _private(folder / "mixed.creds", backup.replace(seeds[0], seeds[1]))
    without = _private(folder / "without.creds", backup.split("-----BEGIN USER")[0])
    with NatsServer("2.14", settings=settings) as server:
        here = server.url()
        yield Way(
            server,
            {"user_jwt_cb": lambda: jwt, "signature_cb": lambda _nonce: b""},  # a bearer, who signs nothing
            [{"url": here, "credentials_file": str(made[0] / "backup.creds")}],
            [
                ({"url": here}, _NOT_LET_IN),
                ({"url": here, "credentials_file": str(made[1] / "backup.creds")}, _NOT_LET_IN),
                ({"url": here, "credentials_file": mixed}, _NOT_LET_IN),
                ({"url": here, "credentials_file": without}, f"credentials_file: {without} is not a credentials file"),
                ({"url": here, "credentials_file": "/nowhere"}, "credentials_file: /nowhere cannot be read"),
            ],
            seeds,
            {"credentials_file": str(made[0] / "restore.creds")},
        )


@contextlib.contextmanager
def certificate(folder: pathlib.Path) -> collections.abc.Iterator[Way]:
    make_certificates(folder)  # another authority's
    with NatsServer("2.15", tls="verify") as server:
        here, (file, key) = server.url(), map(str, server.client_certificate)
        good = {"tls_ca_file": str(server.ca_file), "tls_cert_file": file, "tls_key_file": key}
        stranger = {"tls_cert_file": str(folder / "client.pem"), "tls_key_file": str(folder / "client.key")}
        context = ssl.create_default_context(cafile=str(server.ca_file))
        context.load_cert_chain(file, key)
        yield Way(
            server,
            {"tls": context},
            [{"url": here, **good}, {"url": here.replace("tls://", "nats://"), **good}],
            [
                ({"url": here}, "its certificate is not accepted"),
                ({"url": here, **good, "tls_ca_file": str(folder / "ca.pem")}, "its certificate is not accepted"),
                ({"url": here, "tls_ca_file": good["tls_ca_file"]}, "wants a client's certificate"),
                ({"url": here, **good, **stranger}, "NATS at 127.0.0.1"),
                ({"url": here, **good, "tls_key_file": str(folder / "client.key")}, "The TLS files cannot be used"),
                (
                    {"url": here, **good, "tls_cert_file": "/nowhere"},
                    "The TLS files cannot be used: No such file or directory",
                ),
                ({"url": here, "tls_ca_file": good["tls_ca_file"], "tls_cert_file": file}, "belong together"),
                ({"url": here.replace("127.0.0.1", "127.0.0.2"), **good}, "127.0.0.2"),
            ],
            [
                pathlib.Path(path).read_text(encoding="utf-8").splitlines()[1]
                for path in (key, stranger["tls_key_file"])
            ],
        )


@pytest.fixture(params=[password, token, nkey, credentials_file, certificate], ids=lambda maker: maker.__name__)
def way(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> collections.abc.Iterator[Way]:
    folder = tmp_path / "secrets"
    folder.mkdir()
    with request.param(folder) as made:
        yield made


def assert_shows_nothing(result: dict[str, t.Any], secrets: list[str]) -> None:
    shown = json.dumps(result)
    for secret in secrets:
        assert json.dumps(secret)[1:-1] not in shown, "a secret is in the result"


def test_it_backs_up_and_restores_and_shows_no_secret(way: Way, tmp_path: pathlib.Path) -> None:
    with Client(way.server.url(), **way.witness) as client:
        client.make("GH")
        client.publish("gh.{}", 2000, count=800)
        client.consume("GH", "billing", acknowledge=10)
        rows = client.rows("GH")
        for number, right in enumerate(way.right):
            place = Place(tmp_path / str(number))
            for check_mode in (False,) if number else (True, False):
                arguments = {**place.arguments(right["url"]), **right}
                saved = run_module("jetstream_snapshot", arguments, check_mode=check_mode)
                assert not saved.get("failed"), saved
                assert_shows_nothing(saved, way.secrets)
            for path in place.files():
                assert not any(secret.encode() in pathlib.Path(path).read_bytes() for secret in way.secrets)
            client.good("STREAM.DELETE.GH")
            restored = run_module(
                "jetstream_snapshot", {**arguments, **way.restore, "state": "restored", "backup": "newest"}
            )
            assert not restored.get("failed"), restored
            assert_shows_nothing(restored, way.secrets)
            assert client.rows("GH") == rows and client.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 10


def test_a_wrong_one_is_one_clear_line_without_a_secret(way: Way, tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path)
    with Client(way.server.url(), **way.witness) as client:
        client.make("GH")
    right = {**place.arguments(way.right[0]["url"]), **way.right[0]}
    assert not run_module("jetstream_snapshot", right).get("failed")
    files = place.files()
    for number, (wrong, words) in enumerate(way.wrong):
        for state in ("present",) if number > 1 else ("present", "restored"):
            given = {**place.arguments(wrong["url"]), **wrong, "state": state, "backup": "newest"}
            result = run_module("jetstream_snapshot", given)
            assert result.get("failed") and words in result["msg"], result["msg"]
            assert "\n" not in result["msg"] and "Traceback" not in json.dumps(result) and place.files() == files
            assert_shows_nothing(result, way.secrets)


def test_a_folder_in_the_place_of_a_file_is_told_as_that(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "folder.creds"
    file.mkdir()
    with NatsServer("2.14") as server:
        message = Place(tmp_path / "place").fail_to_back_up(server.url(), credentials_file=str(file))
    assert f"credentials_file: {file} cannot be read: Is a directory" in message
