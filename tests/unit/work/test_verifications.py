# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which verification a backup gets, by the engine that made it."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._store import Store
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _jetstream_verify, _pg_verify, _s3_verify
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES

_CONTENTS: dict[str, tuple[str, dict[str, t.Any]]] = {
    "postgresql": (
        "PostgresVerification",
        {
            **{
                "server_version": "17.6",
                "server_version_num": 170006,
                "system_identifier": "1",
                "lsn": "0/1",
                "timeline": 1,
            },
            **{"in_recovery": False, "jobs": 1, "fingerprint": "stream", "tables": []},
            "database": {
                "name": "d",
                "bytes": 1,
                "encoding": "UTF8",
                "collate": "C",
                "ctype": "C",
                "locale_provider": "c",
            },
        },
    ),
    "jetstream": (
        "JetStreamVerification",
        {
            **{
                "server_version": "2.14.6",
                "cluster": False,
                "connected_to": "h:1",
                "domain": "",
                "account": {},
                "consumers": "require",
            },
            "streams": [],
        },
    ),
    "s3": (
        "S3Verification",
        {
            **{"prefix": "", "level": "versions", "verdict": "in_sync", "summary": "", "objects": 0, "bytes": 0},
            **{role: {"bucket": role, "endpoint": "http://h"} for role in ("source", "destination")},
        },
    ),
}


SPECS = {name: engine.verify.spec for name, engine in ENGINES.items()}
WORKS: dict[str, t.Callable[[t.Any], dict[str, t.Any]]] = {
    "postgresql": _pg_verify.work,
    "jetstream": _jetstream_verify.work,
    "s3": _s3_verify.work,
}


def _options(engine: str, **options: t.Any) -> dict[str, t.Any]:
    given = {"app": "shop", "component": "events", "repositories": [{"path": "/r"}], **options}
    checked = ArgumentSpecValidator(SPECS[engine]).validate(given)
    assert not checked.error_messages, checked.error_messages
    return t.cast("dict[str, t.Any]", checked.validated_parameters)


@pytest.mark.parametrize("engine", list(WORKS))
def test_each_engine_has_its_verification(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, content = _CONTENTS[engine]
    stored: t.Any = types.SimpleNamespace(manifest=types.SimpleNamespace(engine=engine, content=content))
    made: list[t.Any] = []

    def prove(
        module: t.Any, store: Store, make: t.Any, check: t.Any = lambda manifest: None, _asks: t.Any = ()
    ) -> dict[str, t.Any]:
        assert store.engine == engine
        check(stored.manifest)
        made.append(make([stored], Deadline(), Progress(None, "shop/events")))
        return {}

    for module in (_pg_verify, _jetstream_verify, _s3_verify):
        monkeypatch.setattr(module, "prove", prove)
    own = {"buckets": {"source": {"bucket": "source"}, "destination": {"bucket": "destination"}}}
    WORKS[engine](types.SimpleNamespace(params=_options(engine, **(own if engine == "s3" else {}))))
    assert type(made[0]).__name__ == name


def test_a_scratch_account_needs_a_server_and_its_mistakes_are_told() -> None:
    checked = ArgumentSpecValidator(SPECS["jetstream"]).validate(
        {"app": "a", "component": "b", "repositories": [{"path": "/r"}], "nats_scratch_account": {"user": "u"}}
    )
    assert any("url, servers" in message or "password" in message for message in checked.error_messages)
    with pytest.raises(OptionError):
        _jetstream_verify.work(
            t.cast(t.Any, types.SimpleNamespace(params=_options("jetstream", nats_scratch_account={"url": "http://h"})))
        )


_SIDES: dict[str, t.Any] = {"source": {"bucket": "source"}, "destination": {"bucket": "destination"}}


@pytest.mark.parametrize(
    ("buckets", "words"),
    [
        (None, "buckets is not given"),
        (
            {**_SIDES, "destination": {"bucket": "other"}},
            "buckets.destination.bucket is other, and the inventory was made of destination",
        ),
        ({**_SIDES, "sample": -1}, "buckets.sample is -1"),
        ({**_SIDES, "parallel": 0}, "buckets.parallel is 0"),
        ({**_SIDES, "grace": "soon"}, "buckets.grace"),
    ],
)
def test_buckets_that_cannot_be_those_of_the_inventory_are_refused(buckets: t.Any, words: str) -> None:
    manifest: t.Any = types.SimpleNamespace(engine="s3", content=_CONTENTS["s3"][1])
    with pytest.raises(OptionError, match=words):
        _s3_verify.check_buckets(_options("s3", buckets=buckets), manifest)
    _s3_verify.check_buckets(_options("s3", buckets=buckets, profile="artifact"), manifest)  # asks neither side
