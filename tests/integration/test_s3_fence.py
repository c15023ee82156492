# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""s3_fence: a bucket of a server that keeps to policies, and one of a server that does not."""

from __future__ import annotations

import json
import pathlib
import typing as t

from tests.integration.bucket_pairs import fresh_pair
from tests.integration.modules import run_module
from tests.lab.objectstore import ObjectStore
from tests.lab.versitygw import VersityGW


def test_a_bucket_refuses_writes_by_its_policy_and_keeps_what_was_in_it() -> None:
    with VersityGW() as gateway:
        bucket = gateway.make_bucket("chunks")
        application = gateway.make_writer(bucket)
        client = gateway.client_of(application)
        client.put_object(Bucket=bucket, Key="before", Body=b"1")
        before = json.loads(gateway.client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        writer = {key: application[key] for key in ("access_key", "secret_key")}
        options = {"bucket": gateway.side(bucket), "writer": writer}

        def change(state: str, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
            return run_module("s3_fence", {**options, "state": state, **more}, check_mode=check_mode)

        assert change("unfenced")["changed"] is False
        assert change("fenced", check_mode=True)["changed"]
        client.put_object(Bucket=bucket, Key="still taken", Body=b"1")
        owner = run_module("s3_fence", {"bucket": gateway.side(bucket), "state": "fenced", "time_limit": "2s"})
        assert owner["failed"] and "takes writes although its policy refuses them" in owner["msg"], owner
        fenced = change("fenced")
        assert not fenced.get("failed") and fenced["refuses_writes"] and not fenced["changed"], fenced
        for refused in (
            lambda: client.put_object(Bucket=bucket, Key="late", Body=b"1"),
            lambda: client.delete_object(Bucket=bucket, Key="before"),
        ):
            try:
                refused()
                raise AssertionError("it was taken")
            except gateway.client.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDenied", error
        assert client.get_object(Bucket=bucket, Key="before")["Body"].read() == b"1"
        assert {entry["Key"] for entry in client.list_objects_v2(Bucket=bucket)["Contents"]} == {
            "before",
            "still taken",
        }, "no probe is left"
        lifted = change("unfenced")
        assert lifted["changed"] and not lifted["refuses_writes"], lifted
        client.put_object(Bucket=bucket, Key="after", Body=b"1")
        assert json.loads(gateway.client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == before


def test_a_server_that_does_not_keep_to_policies_is_never_called_fenced(
    object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    with fresh_pair(object_store, tmp_path) as pair:
        options = {"bucket": pair.side(pair.source), "time_limit": "1s"}
        refused = run_module("s3_fence", {**options, "state": "fenced"})
        assert refused["failed"] and "does not keep to policies" in refused["hint"], refused
        assert run_module("s3_fence", {**options, "state": "unfenced"})["changed"]
        assert object_store.sizes(pair.source) == {}
