# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_mirror``: makes mirrors, makes streams of them, and fences streams."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_mirror_info import (
    SOURCE_SPEC,
    described,
    open_source,
    read_published,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session, StreamInfo

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **SOURCE_SPEC,
    "state": {"type": "str", "choices": ["mirror", "primary", "fenced", "unfenced"], "required": True},
    "streams": {"type": "list", "elements": "str", "required": True},
    "source_domain": {"type": "str"},
    "source_api": {"type": "str"},
    "replace": {"type": "bool", "default": False},
    "subjects": {"type": "dict", "default": {}},
    "consumers": {"type": "dict", "default": {}},
    "reach": {"type": "dict", "default": {}},
    "max_loss": {"type": "str"},
    "accept_loss": {"type": "str"},
    "unfenced_source": {"type": "str"},
    "run_id": {"type": "str", "default": "by hand"},
    "time_limit": {"type": "str", "default": "5m"},
}
REQUIRED_IF: list[tuple[str, str, list[str]]] = [("state", "mirror", ["source"])]
_LEFT = "Some of the streams may have been changed: run it again, it looks first."


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
        connection_from_options,
    )

    options = module.params
    if not options["streams"]:
        raise OptionError("streams is empty.", hint="Name the streams that are meant.")
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(connection_from_options(options).open(deadline))
        source, why = open_source(options, stack)
        return _Change(module, session, source, why, deadline).run()


class _Change:
    """Some streams of one account, and what shall become of them: all are looked at before one is changed."""

    def __init__(
        self, module: AnsibleModule, session: Session, source: Session | None, why: str, deadline: Deadline
    ) -> None:
        self._module = module
        self._options = module.params
        self._session = session
        self._source = source
        self._why = why
        self._deadline = deadline
        self._infos = {name: session.stream(name) for name in self._options["streams"]}

    def run(self) -> dict[str, t.Any]:
        """Look, refuse, change."""
        state = self._options["state"]
        if state == "mirror":
            return self._mirror()
        missing = sorted(name for name, info in self._infos.items() if info is None)
        if missing:
            raise LifeboatError(
                f"There is no stream {', '.join(missing)}. Nothing was changed.",
                hint="Restore it from a backup (jetstream_snapshot, state: restored), or check the account and domain.",
            )
        infos = {name: info for name, info in self._infos.items() if info is not None}
        return self._primary(infos) if state == "primary" else self._fence(infos, fenced=state == "fenced")

    # --- mirror ---

    def _mirror(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror import _mirrors

        if self._source is None:
            raise LifeboatError(f"The source cannot be asked: {self._why}. Nothing was changed.")
        origins = {name: self._origin(self._source, name) for name in self._options["streams"]}
        given_up = [self._given_up(origin) for name, origin in origins.items() if self._is_stream(name)]
        self._refuse_giving_up(given_up)
        to_replace = [row["name"] for row in given_up]
        to_make = {name: origin for name, origin in origins.items() if self._infos[name] is None or name in to_replace}
        if not self._module.check_mode:
            with left_when_stopped(_LEFT):
                for name, origin in to_make.items():
                    if name in to_replace:
                        _mirrors.delete(self._session, name)
                    _mirrors.make_mirror(self._session, origin, self._external(), self._deadline)
        remembered = [name for name, origin in origins.items() if name not in to_make and self._remember(origin)]
        return self._result([*to_make, *remembered], "mirror", given_up=given_up)

    def _is_stream(self, name: str) -> bool:
        """Whether there is a stream of this name here that is not a mirror."""
        info = self._infos[name]
        return info is not None and not info.config.get("mirror")

    def _given_up(self, origin: StreamInfo) -> dict[str, t.Any]:
        """What is lost with the stream that the mirror takes the place of."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror import _mirrors
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        here = self._infos[origin.name]
        if here is None:
            raise ValueError(f"There is no stream {origin.name} to give up.")
        more, because = _mirror.only_here(_mirrors.end_of(here), origin.config)
        messages = int(here.state.get("messages", 0))
        return {"name": origin.name, "messages": messages, "only_here_messages": more, "because": because}

    def _refuse_giving_up(self, rows: t.Sequence[t.Mapping[str, t.Any]]) -> None:
        for row in rows:
            if row["only_here_messages"] != 0 and not self._options["accept_loss"]:
                many = row["only_here_messages"]
                raise LifeboatError(
                    f"The stream {row['name']} has {'an unknown number of' if many is None else many} messages that "
                    f"the source never got ({row['because']}). Nothing was changed.",
                    hint="Back it up (jetstream_snapshot), and give the reason in accept_loss.",
                    details={"given_up": list(rows)},
                )

    def _origin(self, source: Session, name: str) -> StreamInfo:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        origin, here = source.stream(name), self._infos[name]
        reason = "there is none" if origin is None else _mirror.unmirrored_reason(origin.config)
        if origin is None or reason:
            raise LifeboatError(
                f"The stream {name} of the source cannot be mirrored: {reason}. Nothing was changed.",
                hint="Take backups of it instead (jetstream_snapshot), and restore them in the other region.",
            )
        if (
            here is not None
            and self._is_stream(name)
            and not (self._options["replace"] and _mirror.is_fenced(here.config))
        ):
            raise LifeboatError(
                f"There is a stream {name} already, with {here.state.get('messages', 0)} messages, which is not a "
                f"mirror{' and takes messages' if self._options['replace'] else ''}. Nothing was changed.",
                hint="If it was the primary once: fence it (state: fenced), and set replace: true.",
            )
        return origin

    def _remember(self, origin: StreamInfo) -> bool:
        """Keep the origin's subjects of now in the mirror's metadata. Whether they were others."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        here = self._infos[origin.name]
        wanted = _mirror.mirror_config(origin.config, None)["metadata"][_mirror.ORIGIN]
        if here is None or (here.config.get("metadata") or {}).get(_mirror.ORIGIN) == wanted:
            return False
        if not self._module.check_mode:
            metadata = {**(here.config.get("metadata") or {}), _mirror.ORIGIN: wanted}
            self._session.update_stream({**here.config, "metadata": metadata})
        return True

    def _external(self) -> dict[str, str] | None:
        domain, api = self._options["source_domain"], self._options["source_api"]
        return {"api": api or f"$JS.{domain}.API"} if api or domain else None

    # --- primary ---

    def _primary(self, infos: dict[str, StreamInfo]) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror import _mirrors

        mirrors = {name: info for name, info in infos.items() if info.config.get("mirror")}
        subjects = {name: self._subjects(info) for name, info in mirrors.items()}
        lost = []
        if mirrors:
            _mirrors.check_promotable(self._session)
            self._refuse_unfenced(mirrors)
            lost = self._refuse_loss(mirrors)
        made: list[str] = []
        if not self._module.check_mode:
            with left_when_stopped(_LEFT):
                for name, sequence in self._options["reach"].items():
                    if name in mirrors:
                        _mirrors.wait_for(self._session, name, int(sequence), self._deadline)
                for name, info in mirrors.items():
                    _mirrors.promote(self._session, info, subjects[name], self._options["run_id"])
                made = [made for name in infos for made in self._make_consumers(name)]
        return self._result(list(mirrors), "primary", made=made, lost=lost)

    def _subjects(self, info: StreamInfo) -> list[str]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        given = self._options["subjects"].get(info.name)
        origin = self._source.stream(str(info.config["mirror"]["name"])) if self._source else None
        found = given or (_mirror.subjects_of(origin.config) if origin else _mirror.remembered_subjects(info.config))
        if not found:
            raise OptionError(
                f"Nobody knows the subjects of {info.name}: the source does not answer, and the mirror's metadata do "
                "not have them. Nothing was changed.",
                hint=f"Give them: subjects: {{{info.name}: [orders.>]}}.",
            )
        return [str(subject) for subject in found]

    def _refuse_unfenced(self, mirrors: t.Mapping[str, StreamInfo]) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        if self._source is None or self._options["unfenced_source"]:
            return
        for info in mirrors.values():
            origin = self._source.stream(str(info.config["mirror"]["name"]))
            if origin is not None and not _mirror.is_fenced(origin.config):
                raise LifeboatError(
                    f"The stream {origin.name} of the source is alive and takes messages: after a promotion there "
                    "would be two. Nothing was changed.",
                    hint="Fence it first (state: fenced). Or give the reason in unfenced_source.",
                )

    def _refuse_loss(self, mirrors: t.Mapping[str, StreamInfo]) -> list[dict[str, t.Any]]:
        options, published = self._options, read_published(self._options["published"])
        rows = [described(name, info, self._source, published.get(name)) for name, info in mirrors.items()]
        limit = seconds_or_zero("max_loss", options["max_loss"])
        for row in rows:
            seconds = row["loss_seconds"]
            if row["name"] in options["reach"] or options["accept_loss"] or (seconds is not None and seconds <= limit):
                continue
            words = (
                f"Nobody knows what a promotion of {row['name']} would lose ({row['because']})"
                if seconds is None
                else f"A promotion of {row['name']} would lose {row['loss_messages']} messages of {seconds:g} s, and "
                f"{limit:g} s may be lost"
            )
            raise LifeboatError(
                f"{words}. Nothing was changed.",
                hint="If that is right all the same, give the reason in accept_loss.",
                details={"streams": rows},
            )
        return rows

    def _make_consumers(self, name: str) -> t.Iterator[str]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        there = {consumer.name for consumer in self._session.consumers(name)}
        for consumer in self._options["consumers"].get(name) or []:
            config = consumer["config"]
            durable = str(config.get("durable_name") or "")
            if durable and durable not in there:
                resumed = _mirror.resumed_consumer(config, int(consumer["ack_floor"]), int(consumer["delivered"]))
                self._session.create_consumer(name, resumed)
                yield f"{name}/{durable}"

    # --- fence ---

    def _fence(self, infos: dict[str, StreamInfo], *, fenced: bool) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror import _mirrors
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror

        mine = {name: info for name, info in infos.items() if not info.config.get("mirror")}
        to_change = [name for name, info in mine.items() if _mirror.is_fenced(info.config) != fenced]
        if not self._module.check_mode:
            with left_when_stopped(_LEFT):
                for name, info in mine.items():
                    if fenced:
                        _mirrors.fence(self._session, info, self._source.stream(name) if self._source else None)
                    elif name in to_change:
                        _mirrors.unfence(self._session, info)
        ends = {name: self._session.stream(name) for name in mine}
        return self._result(
            to_change,
            "fenced" if fenced else "unfenced",
            reach={name: _mirrors.end_of(info).sequence for name, info in ends.items() if info},
            consumers={name: self._consumers_of(name) for name in mine},
        )

    def _consumers_of(self, name: str) -> list[dict[str, t.Any]]:
        return [
            {
                "config": consumer.config,
                "ack_floor": _sequence(consumer.ack_floor),
                "delivered": _sequence(consumer.delivered),
            }
            for consumer in self._session.consumers(name)
            if consumer.config.get("durable_name")
        ]

    # --- inside ---

    def _result(self, changed: t.Sequence[str], state: str, **more: t.Any) -> dict[str, t.Any]:
        made = more.pop("made", [])
        words = functools.partial(_words, state)
        return {
            "changed": bool(changed or made),
            "streams": sorted(changed),
            "consumers_made": sorted(made),
            "accept_loss": self._options["accept_loss"] or "",
            "unfenced_source": self._options["unfenced_source"] or "",
            **more,
            "diff": {
                "before": "".join(f"{name}: {words(before=True)}\n" for name in sorted(changed)),
                "after": "".join(f"{name}: {words(before=False)}\n" for name in sorted(changed)),
            },
        }


def _sequence(position: t.Mapping[str, t.Any]) -> int:
    return int(position.get("stream_seq") or 0)


def _words(state: str, *, before: bool) -> str:
    was = {"mirror": "no mirror", "primary": "mirror", "fenced": "takes messages", "unfenced": "fenced"}
    now = {"mirror": "mirror", "primary": "stream", "fenced": "fenced", "unfenced": "takes messages"}
    return (was if before else now)[state]
