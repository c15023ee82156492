# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The private names of nats-py that the subclasses in ``_nats_client`` stand on, one by one: a release without one of
them fails here, by its name. What they are for is tested in ``test_channel``.
"""

from __future__ import annotations

import inspect
import pathlib
import re

import nats.aio.client
import nats.aio.subscription
import nats.aio.transport
import nats.protocol.parser
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _nats_client

_METHODS = {
    "_connect_to_server": ["self", "s"],
    "_process_info": ["self", "info", "initial_connection"],
    "_process_msg": ["self", "sid", "subject", "reply", "data", "headers"],
    "_process_err": ["self", "err_msg"],
    "_read_loop": ["self"],
}


@pytest.mark.parametrize("name", _METHODS)
def test_a_method_that_is_overridden_is_there_and_takes_the_same(name: str) -> None:
    theirs = inspect.signature(getattr(nats.aio.client.Client, name))
    ours = inspect.signature(getattr(_nats_client.classes()[0], name))
    assert list(theirs.parameters) == list(ours.parameters) == _METHODS[name]
    assert inspect.iscoroutinefunction(getattr(nats.aio.client.Client, name))
    assert f"self.{name}(" in inspect.getsource(nats.aio.client) + inspect.getsource(nats.protocol.parser).replace(
        "self.nc.", "self."
    ), "and it is called"


def test_the_attributes_are_there() -> None:
    client = nats.aio.client.Client()
    assert isinstance(client._ps, nats.protocol.parser.Parser) and client._ps.nc is client
    assert client._subs == {} and client._transport is None and client._max_payload == client.max_payload > 0
    assert isinstance(nats.aio.subscription.Subscription.subject, property)
    parser = client._ps
    assert parser.buf == bytearray() and parser.needed == 0
    assert parser.state == nats.protocol.parser.AWAITING_CONTROL_LINE != nats.protocol.parser.AWAITING_MSG_PAYLOAD
    assert nats.aio.transport.TcpTransport()._io_writer is None


def test_the_tests_run_with_the_release_that_is_pinned() -> None:
    text = (pathlib.Path(__file__).parents[4] / "requirements.txt").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^nats-py==(\S+)", text, re.MULTILINE)
    assert nats.aio.client.__version__ == pinned
