# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests that are made again, and errors in words. The client is a mock."""

from __future__ import annotations

import re
import sys
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api import _s3_client
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import Limit, S3Connection, S3Settings
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from botocore import exceptions

from tests.unit.repository.mock_s3 import MockS3Client, refusal

SECRET = "correct-horse-battery-staple"


def connection(client: MockS3Client, **settings: t.Any) -> S3Connection:
    filled = S3Settings(
        bucket="b", endpoint_url="http://s3.example:9000", access_key="key", secret_key=SECRET, **settings
    )
    return S3Connection(filled, lambda _settings: t.cast(t.Any, client))


def ask(place: S3Connection, **options: t.Any) -> t.Any:
    return place.call("Asking for b", lambda client: client.head_bucket(Bucket="b"), **options)


TEMPORARY = [
    refusal("SlowDown", 503),
    refusal("InternalError", 500),
    refusal("RequestTimeout", 400),
    refusal("ConditionalRequestConflict", 409),
    refusal("429", 429),
    exceptions.EndpointConnectionError(endpoint_url="http://s3.example:9000"),
    exceptions.ConnectTimeoutError(endpoint_url="http://s3.example:9000"),
    exceptions.ReadTimeoutError(endpoint_url="http://s3.example:9000"),
    exceptions.ConnectionClosedError(endpoint_url="http://s3.example:9000"),
    exceptions.SSLError(endpoint_url="https://s3.example", error="EOF occurred in violation of protocol"),
    exceptions.HTTPClientError(error="broken"),
    ConnectionResetError("reset"),
]
LASTING = [
    refusal("AccessDenied", 403),
    refusal("NoSuchBucket", 404),
    refusal("NotImplemented", 501),
    refusal("InvalidRequest", 400),
    exceptions.NoCredentialsError(),
    exceptions.SSLError(endpoint_url="https://s3.example", error="CERTIFICATE_VERIFY_FAILED"),
    exceptions.ParamValidationError(report="bad"),
]


class TestRepeating:
    """What may pass is tried again, within limits."""

    @pytest.mark.parametrize("fault", TEMPORARY, ids=str)
    def test_a_fault_that_may_pass_twice_is_not_noticed(self, waits: list[float], fault: Exception) -> None:
        client = MockS3Client(head_bucket=[fault, fault, {"fine": True}])
        assert ask(connection(client)) == {"fine": True}
        assert client.count("head_bucket") == 3

    @pytest.mark.parametrize("fault", LASTING, ids=str)
    def test_a_fault_that_lasts_is_told_at_once(self, waits: list[float], fault: Exception) -> None:
        client = MockS3Client(head_bucket=[fault, {"fine": True}])
        with pytest.raises(S3Error, match="Asking for b at http://s3.example:9000 failed: ") as caught:
            ask(connection(client))
        assert client.count("head_bucket") == caught.value.attempts == 1

    def test_a_silent_server_is_waited_for_within_the_limit_of_all_requests_together(self) -> None:
        client = MockS3Client(head_bucket=refusal("SlowDown", 503))
        place = connection(client, time_limit=0.05)
        with pytest.raises(S3Error, match="the server asks to be slower"):
            ask(place)  # the next attempt would be after the end
        time.sleep(0.06)
        with pytest.raises(S3Error, match="the time limit of 0.05 s for all requests is over") as caught:
            ask(place)
        assert "Raise time_limit" in str(caught.value)
        assert client.count("head_bucket") == 1, "nothing is asked any more"

    def test_the_number_of_attempts_is_one_more_than_the_retries(self, waits: list[float]) -> None:
        client = MockS3Client(head_bucket=refusal("SlowDown", 503))
        with pytest.raises(S3Error, match="after 4 attempts in 0 s"):
            ask(connection(client, retries=3))
        assert client.count("head_bucket") == 4
        with pytest.raises(S3Error) as caught:
            ask(connection(client, retries=0))
        assert caught.value.attempts == 1

    def test_waits_double_up_to_20_seconds(self) -> None:
        waited = [_s3_client.wait_seconds(attempt) for attempt in range(1, 12)]
        for attempt, seconds in enumerate(waited, 1):
            longest = min(20.0, 0.5 * 2 ** (attempt - 1))
            assert longest / 2 <= seconds <= longest

    def test_no_attempt_begins_after_the_limit(self) -> None:
        client = MockS3Client(head_bucket=refusal("SlowDown", 503))
        began = time.monotonic()
        with pytest.raises(S3Error):
            ask(connection(client, retries=1000), limit=Limit(0.8))
        assert time.monotonic() - began < 1.0
        assert client.count("head_bucket") <= 3

    def test_a_stop_ends_the_waiting_at_once(self) -> None:
        stopped = threading.Event()
        threading.Timer(0.1, stopped.set).start()
        began = time.monotonic()
        with pytest.raises(S3Error, match="it was stopped"):
            ask(connection(MockS3Client(head_bucket=refusal("SlowDown", 503)), retries=1000), limit=Limit(60, stopped))
        assert time.monotonic() - began < 2

    def test_an_error_of_the_program_is_not_hidden(self) -> None:
        with pytest.raises(ZeroDivisionError):
            ask(connection(MockS3Client(head_bucket=ZeroDivisionError())))


class TestWords:
    """What is shown."""

    def test_the_state_depends_on_whether_the_server_answered(self, waits: list[float]) -> None:
        said = {"state": "Nothing is stored.", "unanswered": "Nobody knows."}
        with pytest.raises(S3Error, match=r"Nothing is stored\."):
            ask(connection(MockS3Client(head_bucket=refusal("InvalidRequest", 400))), **said)
        with pytest.raises(S3Error, match=r"too long to answer\. Nobody knows\."):
            ask(connection(MockS3Client(head_bucket=exceptions.ReadTimeoutError(endpoint_url="x")), retries=0), **said)

    @pytest.mark.parametrize(
        "fault",
        [
            refusal("Odd", 400, f"your key {SECRET} is odd"),
            refusal(SECRET, 400),
            exceptions.HTTPClientError(error=SECRET),
            OSError(SECRET),
        ],
        ids=["message", "code", "client", "system"],
    )
    def test_a_secret_that_comes_back_is_taken_out(self, waits: list[float], fault: Exception) -> None:
        with pytest.raises(S3Error) as caught:
            ask(connection(MockS3Client(head_bucket=fault), retries=0))
        assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.details} {caught.value.to_result()}"

    def test_settings_do_not_show_their_secrets(self) -> None:
        shown = repr(S3Settings(bucket="b", access_key="key", secret_key=SECRET, session_token=SECRET))
        assert SECRET not in shown
        assert "key" in shown

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (404, r"the bucket is not there.*Create the bucket, or correct bucket"),
            (403, r"refuses these credentials.*secret_key.*s3:ListBucket"),
        ],
    )
    def test_the_answer_to_a_look_at_a_bucket_has_no_body_and_is_told_all_the_same(
        self, status: int, said: str
    ) -> None:
        answer: t.Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}
        client = MockS3Client(head_bucket=exceptions.ClientError(answer, "HeadBucket"))
        with pytest.raises(S3Error) as caught:
            ask(connection(client))
        assert re.search(said, str(caught.value)) and not caught.value.not_found


class TestSettings:
    """Values that cannot be right."""

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"bucket": ""}, "not a bucket name"),
            ({"bucket": "b/prefix"}, "not a bucket name.*prefix"),
            ({"access_key": "key"}, "belong together"),
            ({"secret_key": "secret"}, "belong together"),
            ({"endpoint_url": "s3.example:9000"}, "not the address of a server.*https://"),
            ({"endpoint_url": "https://"}, "not the address of a server"),
            ({"endpoint_url": "http://s3.example:99999"}, "not the address of a server"),
            (
                {"endpoint_url": f"https://user:{SECRET}@s3.example"},
                "s3.example holds more than an address.*access_key",
            ),
        ],
    )
    def test_are_refused_before_any_request(self, settings: dict[str, t.Any], words: str) -> None:
        with pytest.raises(OptionError, match=words) as caught:
            S3Connection(S3Settings(**{"bucket": "b", **settings}))
        assert SECRET not in str(caught.value)

    def test_a_profile_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        with pytest.raises(OptionError, match="no-such-profile"):
            assert S3Connection(S3Settings(bucket="b", profile="no-such-profile")).client

    def test_a_ca_bundle_that_is_not_there_is_named_on_the_host_that_needs_it(self) -> None:
        place = S3Connection(S3Settings(bucket="b", ca_bundle="/does/not/exist.pem"))
        with pytest.raises(OptionError, match="/does/not/exist.pem is not a file on this host"):
            assert place.client

    def test_without_the_library_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "botocore.session", None)
        with pytest.raises(MissingRequirementError, match="pip install boto3"):
            assert S3Connection(S3Settings(bucket="b")).client
