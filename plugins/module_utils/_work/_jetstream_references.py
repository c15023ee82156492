# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_references``: sequences, subjects, headers or values in the messages of a stream."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._http._expectation import read_path, value_at
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import LOOK_SPEC, exchange, taken_by

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message

ENTRIES_SPEC: dict[str, dict[str, t.Any]] = {
    "stream": {"type": "str", "required": True},
    "subject": {"type": "str", "default": ""},
    "of": {"type": "str", "choices": ["sequence", "subject", "data"], "default": "sequence"},
    "header": {"type": "str"},
    "json_path": {"type": "str"},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**CONNECTION_SPEC, **ENTRIES_SPEC, **LOOK_SPEC}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
        connection_from_options,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._messages import read_all

    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    taken_by(options["take"])
    entry = _entry_of(options)
    connection = connection_from_options(options)
    if module.check_mode:
        return {"changed": False}
    with connection.open(deadline) as session:
        if session.stream(options["stream"]) is None:
            raise SourceError(f"There is no stream {options['stream']} in the account.", hint="Check stream, and url.")
        messages = read_all(session, options["stream"], deadline, subject=options["subject"], warn=module.warn)
        return exchange(options, (text for text in map(entry, messages) if text is not None))


def _entry_of(options: t.Mapping[str, t.Any]) -> t.Callable[[Message], str | None]:
    """What is taken of a message; None where it has no such header or value. Raises OptionError."""
    if options["header"]:
        wanted = options["header"].encode("utf-8").lower()
        return lambda message: _header(message.headers, wanted)
    if options["json_path"]:
        path = read_path("json_path", options["json_path"])
        return lambda message: _value(message.data, path)
    if options["of"] == "subject":
        return lambda message: message.subject.decode("utf-8", "replace")
    if options["of"] == "data":
        return lambda message: message.data.decode("utf-8", "replace")
    return lambda message: str(message.sequence)


def _header(headers: bytes, wanted: bytes) -> str | None:
    for line in headers.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == wanted:
            return value.strip().decode("utf-8", "replace")
    return None


def _value(data: bytes, path: t.Sequence[str | int]) -> str | None:
    try:
        value = value_at(read_json(data), path)
    except (ValueError, KeyError):
        return None
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
