# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_mirror_info``: how far mirrors are behind, and what a promotion would lose."""

from __future__ import annotations

import contextlib
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import parse_moment
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, StreamInfo
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._mirror import End, Lag

SOURCE_SPEC: dict[str, dict[str, t.Any]] = {
    "source": {"type": "dict", "options": CONNECTION_SPEC},
    "source_timeout": {"type": "str", "default": "5s"},
    "published": {"type": "dict", "default": {}},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **SOURCE_SPEC,
    "streams": {"type": "list", "elements": "str", "default": []},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
        connection_from_options,
    )

    options = module.params
    published = read_published(options["published"])
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(connection_from_options(options).open(Deadline(60)))
        source, why = open_source(options, stack)
        infos = {info.name: info for info in session.streams()}
        names = options["streams"] or sorted(name for name, info in infos.items() if info.config.get("mirror"))
        rows = [described(name, infos.get(name), source, published.get(name)) for name in names]
        return {
            "changed": False,
            "streams": rows,
            "loss_messages": _sum([row["loss_messages"] for row in rows], sum),
            "loss_seconds": _sum([row["loss_seconds"] for row in rows], max),
            "source": {"reached": source is not None, "why": why},
            "server_version": session.server_version_text,
            "measured_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def open_source(options: t.Mapping[str, t.Any], stack: contextlib.ExitStack) -> tuple[Session | None, str]:
    """A session with the source, None where it does not answer, and why."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
        connection_from_options,
    )

    if not options["source"]:
        return None, "source was not given"
    seconds = max(1.0, parse_duration("source_timeout", options["source_timeout"]).total_seconds())
    connection = connection_from_options({**options["source"], "connect_timeout": seconds})
    try:
        session = stack.enter_context(connection.open(Deadline()))
        session.api("INFO", timeout=seconds, what="The source")
        return session, ""
    except OptionError:
        raise
    except LifeboatError as error:
        return None, error.message


def read_published(values: t.Mapping[str, t.Any]) -> dict[str, End]:
    """The option ``published``. Raises OptionError."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._mirror import End

    found = {}
    for name, value in values.items():
        place = f"published.{name}"
        if not isinstance(value, t.Mapping) or "last_sequence" not in value or "at" not in value:
            raise OptionError(
                f"{place}: {value!r} is not a position.", hint="Write {last_sequence: 1234, at: 2026-01-15T14:30:00Z}."
            )
        try:
            sequence = int(value["last_sequence"])
        except (TypeError, ValueError):
            raise OptionError(f"{place}.last_sequence: {value['last_sequence']!r} is not a number.") from None
        found[name] = End(sequence, parse_moment(f"{place}.at", str(value["at"])))
    return found


def described(name: str, info: StreamInfo | None, source: Session | None, published: End | None) -> dict[str, t.Any]:
    """One stream, as the modules return it."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror._mirrors import end_of, lag_of
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

    if info is None:
        lag: Lag = _mirror.Lag("missing", None, None, "there is no such stream")
    elif not info.config.get("mirror"):
        lag = _mirror.Lag(_mirror.PRIMARY, 0, 0.0, "it is not a mirror")
    else:
        lag = lag_of(info, source, published)
    return {
        "name": name,
        "word": lag.word,
        "because": lag.because,
        "loss_messages": lag.loss_messages,
        "loss_seconds": lag.loss_seconds,
        "last_sequence": end_of(info).sequence if info else None,
        "subjects": _mirror.subjects_of(info.config) or _mirror.remembered_subjects(info.config) if info else [],
        "fenced": bool(info and _mirror.is_fenced(info.config)),
    }


def _sum(values: t.Sequence[t.Any], total: t.Callable[[t.Any], t.Any]) -> t.Any:
    """Over all streams; None when one is not known."""
    return None if any(value is None for value in values) else total([0, *values])
