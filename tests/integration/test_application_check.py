# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""application_check against a real web server and real programs."""

from __future__ import annotations

import collections.abc
import http.server
import pathlib
import threading
import time
import typing as t

import pytest

from tests.integration.modules import run_module

_PAGES: dict[str, tuple[int, str]] = {
    "/": (200, "<h1>Shop</h1> Add to cart"),
    "/broken": (200, "<h1>Something went wrong</h1>"),
    "/health": (200, '{"status": "ok", "orders": 17}'),
    "/graph": (200, '{"data": null, "errors": [{"message": "relation orders does not exist"}]}'),
    "/closed": (403, "closed"),
    "/cut": (200, "<h1>Shop</h1> Add to cart"),
}


class _Pages(http.server.BaseHTTPRequestHandler):
    started = 0.0

    def do_GET(self) -> None:
        if self.path == "/drip":
            self._drip()
            return
        status, text = _PAGES.get(self.path, (404, "not here"))
        if self.path == "/moved":
            status = 302
        if self.path == "/late" and time.monotonic() - self.started > 1:
            status, text = 200, "ready"
        self.send_response(status)
        if self.path == "/moved":
            self.send_header("Location", "https://shop.example.com/")
        self.send_header("Content-Length", str(len(text) + (100 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _attempt in range(100):
            try:
                self.wfile.write(b".")
            except OSError:
                return
            time.sleep(0.1)

    def log_message(self, *_arguments: t.Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> collections.abc.Iterator[str]:
    """A web server that says 200 to almost everything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_right_answers_pass_also_of_an_application_that_is_still_starting(url: str) -> None:
    _Pages.started = time.monotonic()
    result = run_module(
        "application_check",
        {
            "checks": [
                {"name": "the portal shows products", "url": f"{url}/", "contains": "Add to cart"},
                {"url": f"{url}/health", "json_path": "orders", "operator": ">=", "value": 10},
                {"url": f"{url}/closed", "status": 403},
                {"url": f"{url}/late", "contains": "ready"},
                {"command": ["echo", "ready to serve"], "contains": "ready"},
                {"command": ["false"], "exit_status": 1},
            ],
            "wait": "60s",
        },
    )
    assert not result.get("failed"), result
    assert {one["status"] for one in result["checks"]} == {"passed"} and len(result["checks"]) == 6


def test_what_was_right_has_to_be_right_still_when_the_last_check_is(tmp_path: pathlib.Path) -> None:
    """An application that answered once, and ended before its other part was there."""
    up, begun = tmp_path / "up", tmp_path / "begun"
    up.write_text("up")
    other = f"test -e {begun} && exit 0; touch {begun}; rm -f {up}; exit 1"
    checks = [{"name": "first", "command": ["cat", str(up)]}, {"name": "other", "command": ["sh", "-c", other]}]
    result = run_module("application_check", {"checks": checks, "wait": "1s"})
    assert result["failed"] and [one["status"] for one in result["checks"]] == ["failed", "passed"], result


def test_each_wrong_answer_is_red_and_said_although_the_page_says_200(url: str) -> None:
    checks: list[tuple[dict[str, t.Any], str, str]] = [
        ({"url": f"{url}/broken", "contains": "Add to cart"}, "failed", "Something went wrong"),
        ({"url": f"{url}/graph", "body": {"query": "{x}"}, "contains": "data"}, "failed", "orders does not exist"),
        ({"url": f"{url}/none", "contains": "x"}, "failed", "status 404: not here"),
        ({"url": f"{url}/moved", "contains": "x"}, "failed", "status 302"),
        ({"url": f"{url}/cut", "contains": "Add to cart"}, "error", "it ended before all of it had come"),
        ({"url": f"{url}/drip", "contains": "x", "timeout": "1s"}, "error", "no whole answer within 1 s"),
        ({"url": "http://127.0.0.1:1/", "contains": "x"}, "error", "no answer: [Errno 111] Connection refused"),
        ({"command": ["sh", "-c", "echo lost >&2; exit 3"]}, "failed", "status 3: lost"),
        ({"command": ["sleep", "60"], "timeout": "1s"}, "error", "did not end within 1 s"),
        ({"command": ["/nowhere/program"]}, "error", "it cannot be run"),
    ]
    result = run_module("application_check", {"checks": [one for one, _status, _words in checks]})
    assert result["failed"] and result["msg"].startswith("10 of 10 checks did not pass: ")
    for found, (_check, status, words) in zip(result["checks"], checks, strict=True):
        assert found["status"] == status and words in found["observed"], found


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"url": "http://h/"}, "a page may say 200 and show an error"),
        ({"url": "ftp://h/", "contains": "x"}, "which is not a URL"),
        ({"url": "http://h/", "command": ["true"], "contains": "x"}, "give one of url and command"),
        ({"command": ["true"], "status": 200}, "status does not go with command"),
        ({"url": "http://h/", "contains": "x", "timeout": "0s"}, "in which nothing answers"),
    ],
)
def test_a_check_that_would_prove_nothing_is_refused(check: dict[str, t.Any], words: str) -> None:
    result = run_module("application_check", {"checks": [check]})
    assert result["failed"] and words in result["msg"]
