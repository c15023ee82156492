# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module notification against real services of each kind, whole and broken. What arrives is read at the service."""

from __future__ import annotations

import collections.abc
import email
import email.policy
import json
import pathlib
import socket
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.nats import make_certificates
from tests.lab.notified import HttpService, MailService, silent_service

SECRET = "hunter2-of-the-url"
CODEX = {"name": "codex", "state": "failed", "reason": "The server cannot be reached."}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def shared_web() -> collections.abc.Iterator[HttpService]:
    service = HttpService()
    yield service
    service.close()


@pytest.fixture
def web(shared_web: HttpService) -> HttpService:
    shared_web.received.clear()
    return shared_web


@pytest.fixture(scope="module")
def secure_web(certificates: pathlib.Path) -> collections.abc.Iterator[HttpService]:
    service = HttpService(certificates / "server.pem")
    yield service
    service.close()


class Notifier:
    """Runs the module with files of secrets and a memory of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def secret(self, content: str, name: str = "secret") -> str:
        path = self.folder / name
        path.write_text(content + "\n", encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    def notify(self, *channels: dict[str, t.Any], **options: t.Any) -> dict[str, t.Any]:
        check_mode, environment = options.pop("check_mode", False), options.pop("environment", None)
        arguments: dict[str, t.Any] = {
            "notifications": list(channels), "app": "shop", "job": "backup", "host": "db1", "components": [CODEX],
            "state_dir": str(self.folder / "state"), **options,
        }  # fmt: skip
        if options.get("event"):
            del arguments["components"]
        result = run_module("notification", arguments, check_mode=check_mode, environment=environment)
        said = json.dumps({name: value for name, value in result.items() if name != "invocation"})
        assert "hunter2" not in json.dumps(result) and not result.get("changed"), said
        return result

    def lost(self, *channels: dict[str, t.Any], **options: t.Any) -> str:
        """Why the one channel did not take it: a warning, and a failure only where it is required."""
        result = self.notify(*channels, **options)
        (delivery,) = result["deliveries"]
        assert not result.get("failed") and not delivery["sent"]
        assert delivery["why"] in warnings_of(result)
        return str(delivery["why"])


def warnings_of(result: dict[str, t.Any]) -> str:
    """All warnings, in whichever way this core gives them."""
    return json.dumps(result.get("warnings", []), ensure_ascii=False).replace('\\"', '"')


@pytest.fixture
def notifier(tmp_path: pathlib.Path) -> Notifier:
    return Notifier(tmp_path)


def hook(notifier: Notifier, url: str, **more: t.Any) -> dict[str, t.Any]:
    return {"type": "webhook", "url_file": notifier.secret(url, f"url-{abs(hash(url))}"), **more}


def test_a_webhook_gets_a_document_with_a_token_and_the_end_of_the_log(notifier: Notifier, web: HttpService) -> None:
    (notifier.folder / "log").write_text("".join(f"line {number}\n" for number in range(100)))
    channel = hook(notifier, f"{web.url}/{SECRET}", token_file=notifier.secret("hunter2-token", "token"), log_lines=2)
    result = notifier.notify(channel, log_file=str(notifier.folder / "log"), labels={"team": "shop"})
    assert result["deliveries"][0]["sent"] and result["events"] == ["failure"]
    (request,) = web.received
    document = json.loads(request.body)
    assert request.path == f"/{SECRET}" and request.headers["Authorization"] == "Bearer hunter2-token"
    assert document["subject"] == "shop: backup of codex FAILED on db1" and document["components"] == [CODEX]
    assert (document["log"], document["labels"]) == (["line 98", "line 99"], {"team": "shop"})


def test_slack_gets_text_that_mentions_nobody(notifier: Notifier, web: HttpService) -> None:
    component = {**CODEX, "reason": "<!channel> ``` & so on"}
    notifier.notify({"type": "slack", "url": f"{web.url}/{SECRET}"}, components=[component])
    text = json.loads(web.received[0].body)["text"]
    assert text.startswith("*shop: backup of codex FAILED on db1*\n```") and text.count("```") == 2
    assert "&lt;!channel&gt;" in text and "&amp; so on" in text


def test_a_dead_mans_switch_hears_of_begin_failure_and_success(notifier: Notifier, web: HttpService) -> None:
    switch = {"type": "healthchecks", "url": f"{web.url}/ping/{SECRET}?rid=1"}
    notifier.notify(switch, event="start")
    notifier.notify(switch)
    notifier.notify(switch, components=[{**CODEX, "state": "good"}])
    notifier.notify(switch, components=[{**CODEX, "state": "good"}])
    assert notifier.notify(switch, job="prune")["deliveries"] == []
    paths = [request.path.replace(SECRET, "id") for request in web.received]
    assert paths == ["/ping/id/start?rid=1", "/ping/id/fail?rid=1", "/ping/id?rid=1", "/ping/id?rid=1"]
    assert b"The server cannot be reached." in web.received[1].body


def test_a_recovery_is_said_once_and_a_success_only_to_who_asks(notifier: Notifier, web: HttpService) -> None:
    channels = [hook(notifier, f"{web.url}/a"), hook(notifier, f"{web.url}/b", name="b", events=["success"])]
    good = {**CODEX, "state": "good"}
    for state in (CODEX, good, good):
        notifier.notify(*channels, components=[state])
    heard = [(request.path, json.loads(request.body)["event"]) for request in web.received]
    assert heard == [("/a", "failure"), ("/a", "recovery"), ("/b", "success")]


@pytest.mark.parametrize(
    ("path", "words"),
    [("500", "answered 500"), ("302", "sends elsewhere"), ("404", "wrong, or was revoked"), ("429", "answered 429")],
)
def test_what_a_service_answers_is_said_with_what_to_do(
    notifier: Notifier, web: HttpService, path: str, words: str
) -> None:
    assert words in notifier.lost(hook(notifier, f"{web.url}/{path}/{SECRET}"))
    assert len(web.received) == 1, "a redirect is not followed"


def test_a_service_that_hangs_costs_no_more_than_its_time_and_keeps_no_other_waiting(
    notifier: Notifier, web: HttpService
) -> None:
    with silent_service() as port:
        hanging = [
            hook(notifier, f"http://127.0.0.1:{port}/{SECRET}", name="web", timeout="1s"),
            {"type": "email", "to": ["a@b"], "smtp_host": "127.0.0.1", "smtp_port": port, "timeout": "1s"},
        ]
        result = notifier.notify(*hanging, hook(notifier, f"{web.url}/{SECRET}"))
    sent = {one["channel"]: one["sent"] for one in result["deliveries"]}
    assert sent == {"web": False, "email": False, "webhook": True}
    assert all("time" in one["why"] or "timed" in one["why"] for one in result["deliveries"][:2]), result["deliveries"]


def test_a_service_that_is_not_there_or_is_none_is_named_without_its_url(notifier: Notifier) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "cannot be reached" in notifier.lost(hook(notifier, f"http://127.0.0.1:{port}/{SECRET}"))
    assert "not an http or https URL" in notifier.lost(hook(notifier, SECRET))
    assert "cannot be read" in notifier.lost({"type": "webhook", "url_file": str(notifier.folder / "none")})
    assert "is empty" in notifier.lost({"type": "webhook", "url_file": notifier.secret("")})


def test_a_certificate_that_is_not_trusted_is_refused_and_one_of_your_own_is_taken(
    notifier: Notifier, secure_web: HttpService, certificates: pathlib.Path
) -> None:
    assert "certificate is not trusted" in notifier.lost(hook(notifier, f"{secure_web.url}/{SECRET}"))
    assert secure_web.received == []
    own = hook(notifier, f"{secure_web.url}/{SECRET}", ca_file=str(certificates / "ca.pem"))
    assert notifier.notify(own)["deliveries"][0]["sent"]
    assert "ca_file" in notifier.lost({**own, "ca_file": str(notifier.folder / "none")})


class TestMail:
    """A real mail server."""

    @pytest.fixture
    def mail(self) -> collections.abc.Iterator[MailService]:
        service = MailService()
        yield service
        service.close()

    @pytest.fixture
    def secure_mail(self, certificates: pathlib.Path) -> collections.abc.Iterator[MailService]:
        service = MailService(certificates / "server.pem")
        yield service
        service.close()

    @staticmethod
    def channel(service: MailService, **more: t.Any) -> dict[str, t.Any]:
        return {
            "type": "email", "to": ["oncall@example.org", "boss@example.org"], "sender": "backup@example.org",
            "smtp_host": "127.0.0.1", "smtp_port": service.port, "smtp_security": "none", **more,
        }  # fmt: skip

    def test_a_mail_arrives(self, notifier: Notifier, mail: MailService) -> None:
        assert notifier.notify(self.channel(mail))["deliveries"][0]["sent"]
        (envelope,) = mail.received
        message = email.message_from_bytes(t.cast(bytes, envelope.content), policy=email.policy.default)
        assert message["Subject"] == "[lifeboat] shop: backup of codex FAILED on db1"
        assert (envelope.mail_from, envelope.rcpt_tos) == (
            "backup@example.org",
            ["oncall@example.org", "boss@example.org"],
        )
        assert "The server cannot be reached." in message.get_content()
        assert message["Auto-Submitted"] == "auto-generated"

    def test_a_password_is_sent_over_tls_alone(
        self, notifier: Notifier, secure_mail: MailService, certificates: pathlib.Path
    ) -> None:
        signed_in = self.channel(
            secure_mail, smtp_security="starttls", smtp_user="lifeboat", ca_file=str(certificates / "ca.pem"),
            smtp_password_file=notifier.secret(MailService.password),
        )  # fmt: skip
        assert notifier.notify(signed_in)["deliveries"][0]["sent"] and len(secure_mail.received) == 1
        wrong = {**signed_in, "smtp_password_file": notifier.secret("hunter2-wrong", "wrong")}
        assert "does not let lifeboat in" in notifier.lost(wrong)
        assert "is not trusted" in notifier.lost({**signed_in, "ca_file": None})

    def test_a_server_without_tls_gets_no_mail_unless_that_is_asked_for(
        self, notifier: Notifier, mail: MailService
    ) -> None:
        assert "STARTTLS" in notifier.lost(self.channel(mail, smtp_security="starttls"))
        assert "does not take the mail" in notifier.lost(self.channel(mail, smtp_security="tls"))
        assert mail.received == []

    def test_a_recipient_that_is_refused_is_named_and_the_others_get_it(
        self, notifier: Notifier, mail: MailService
    ) -> None:
        one = self.channel(mail, to=["a@refused.example", "b@example.org"])
        assert "a@refused.example (550 no such user here)" in notifier.lost(one)
        assert [envelope.rcpt_tos for envelope in mail.received] == [["b@example.org"]]
        assert "a@refused.example" in notifier.lost(self.channel(mail, to=["a@refused.example"]))

    def test_a_server_that_refuses_the_mail_is_quoted(self, notifier: Notifier) -> None:
        service = MailService(refuses=True)
        try:
            assert "refuses the mail (554 refused by policy)" in notifier.lost(self.channel(service))
        finally:
            service.close()


class TestApprise:
    """The library, with a service of its own kind: its json:// posts to any web server."""

    def test_it_reaches_every_service_of_the_file(self, notifier: Notifier, web: HttpService) -> None:
        place = web.url.removeprefix("http://")
        urls = notifier.secret(f"# two\njson://{place}/{SECRET}\njson://{place}/ok")
        assert notifier.notify({"type": "apprise", "url_file": urls})["deliveries"][0]["sent"]
        bodies = [json.loads(request.body) for request in web.received]
        assert [body["title"] for body in bodies] == ["shop: backup of codex FAILED on db1"] * 2
        assert bodies[0]["type"] == "failure"

    def test_a_service_that_fails_or_is_none_is_said(self, notifier: Notifier, web: HttpService) -> None:
        place = web.url.removeprefix("http://")
        assert "could not notify" in notifier.lost({"type": "apprise", "url": f"json://{place}/500/{SECRET}"})
        unknown = {"type": "apprise", "url_file": notifier.secret(f"nonsense://{SECRET}")}
        assert "URL 1 of 1 is not one of a service" in notifier.lost(unknown)

    def test_without_the_library_the_error_names_it(self, notifier: Notifier) -> None:
        (notifier.folder / "apprise.py").write_text("raise ImportError('as where it is not installed')\n")
        without = {"PYTHONPATH": f"{notifier.folder}:{pathlib.Path(__file__).parents[2] / '.ansible' / 'collections'}"}
        why = notifier.lost({"type": "apprise", "url": "json://127.0.0.1:1"}, environment=without)
        assert "library apprise is not installed" in why and "pip install" in why


def test_a_test_reaches_every_channel_and_fails_where_it_is_required(notifier: Notifier, web: HttpService) -> None:
    channels = [hook(notifier, f"{web.url}/a", jobs=["prune"]), {"type": "healthchecks", "url": f"{web.url}/b"}]
    assert not notifier.notify(*channels, event="test", required=True).get("failed")
    assert sorted(request.path for request in web.received) == ["/a", "/b/log"]
    broken = hook(notifier, f"{web.url}/500", name="broken")
    result = notifier.notify(*channels, broken, event="test", required=True)
    assert result["failed"] and "1 of 3 notifications did not arrive. broken: the service answered 500" in result["msg"]


def test_check_mode_says_who_would_hear_of_what_and_sends_nothing(notifier: Notifier, web: HttpService) -> None:
    result = notifier.notify(hook(notifier, f"{web.url}/a"), check_mode=True)
    assert [(one["channel"], one["event"], one["sent"]) for one in result["deliveries"]] == [
        ("webhook", "failure", False)
    ]
    assert web.received == [] and not (notifier.folder / "state").exists()


def test_a_memory_that_cannot_be_kept_is_a_warning(notifier: Notifier, web: HttpService) -> None:
    (notifier.folder / "state").write_text("a file in the place of the folder")
    result = notifier.notify(hook(notifier, f"{web.url}/a"))
    assert result["deliveries"][0]["sent"] and "notified" in warnings_of(result)


def test_options_that_cannot_be_meant_are_refused_before_anything_is_sent(notifier: Notifier, web: HttpService) -> None:
    result = notifier.notify(hook(notifier, f"{web.url}/a"), {"type": "email"})
    assert result["failed"] and "notifications[1].to is missing" in result["msg"] and web.received == []
