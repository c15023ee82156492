# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Points in time in answers of S3 servers are what botocore takes them for, whatever form they have."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import (
    S3Settings,
    make_service_client,
    parse_time,
)
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

MOMENTS = st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2200, 1, 1))
FORMS = st.sampled_from(
    ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+02:00", "%Y%m%dT%H%M%SZ",
     "%a, %d %b %Y %H:%M:%S GMT"]
)  # fmt: skip


@given(MOMENTS, FORMS, st.sampled_from([0, 3, 6]))
def test_every_form_means_what_botocore_takes_it_for(moment: datetime.datetime, form: str, digits: int) -> None:
    text = moment.strftime(form.replace("%f", f"{moment.microsecond:06d}"[:digits] or "0"))
    assert parse_time(text) == parse_timestamp(text)
    assert parse_time(text).tzinfo is not None


@pytest.mark.parametrize("value", ["1764460800", 1764460800, "1764460800.25"])
def test_seconds_are_taken_too(value: object) -> None:
    assert parse_time(value) == parse_timestamp(value)


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01T00:00:00Z", "2026-01-01TZ"])
def test_what_is_no_time_is_refused_as_botocore_does(value: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(value)
    with pytest.raises(ValueError):
        parse_time(value)


def test_a_client_reads_times_with_it() -> None:
    settings = S3Settings(bucket="backups", endpoint_url="http://127.0.0.1:1", access_key="a", secret_key="b")
    client = make_service_client(settings, "s3")
    parser = client._endpoint._response_parser_factory.create_parser("rest-xml")  # as the endpoint makes one
    body = b"<R><Contents><Key>a</Key><LastModified>2026-01-15T02:00:00.250Z</LastModified></Contents></R>"
    shape = client.meta.service_model.operation_model("ListObjectsV2").output_shape
    (item,) = parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)["Contents"]
    assert item["LastModified"].tzinfo is datetime.UTC  # botocore's own has a zone of dateutil
    assert item["LastModified"] == datetime.datetime(2026, 1, 15, 2, 0, 0, 250000, datetime.UTC)
