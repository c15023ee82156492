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
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _restore_verify
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verifications import ENGINES, check_buckets

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


def _module(**options: t.Any) -> t.Any:
    given = {"app": "shop", "component": "events", "repositories": [{"path": "/r"}], **options}
    checked = ArgumentSpecValidator(_restore_verify.ARGUMENT_SPEC).validate(given)
    assert not checked.error_messages, checked.error_messages
    return types.SimpleNamespace(params=checked.validated_parameters)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_each_engine_has_its_verification_and_takes_no_offence_at_the_others_options(engine: str) -> None:
    name, content = _CONTENTS[engine]
    stored: t.Any = types.SimpleNamespace(manifest=types.SimpleNamespace(engine=engine, content=content))
    module = _module(
        bin_dir="/usr/lib/postgresql/17/bin",
        nats_server_binary="/usr/bin/nats-server",
        nats_scratch_account={"url": "nats://h"},
        buckets={"source": {"bucket": "source"}, "destination": {"bucket": "destination"}},
    )
    check_buckets(module.params, stored.manifest)
    verification = ENGINES[engine](module, [stored], (), Deadline(), Progress(None, "shop/events"))
    assert type(verification).__name__ == name


def test_a_scratch_account_needs_a_server_and_its_mistakes_are_told() -> None:
    checked = ArgumentSpecValidator(_restore_verify.ARGUMENT_SPEC).validate(
        {"app": "a", "component": "b", "repositories": [{"path": "/r"}], "nats_scratch_account": {"user": "u"}}
    )
    assert any("url, servers" in message or "password" in message for message in checked.error_messages)
    stored: t.Any = types.SimpleNamespace(
        manifest=types.SimpleNamespace(engine="jetstream", content=_CONTENTS["jetstream"][1])
    )
    with pytest.raises(OptionError):
        ENGINES["jetstream"](
            _module(nats_scratch_account={"url": "http://h"}), [stored], (), Deadline(), Progress(None, "")
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
        check_buckets(_module(buckets=buckets).params, manifest)
    check_buckets(_module(buckets=buckets, profile="artifact").params, manifest)  # asks neither side
