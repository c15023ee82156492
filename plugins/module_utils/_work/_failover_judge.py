# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_judge``: verdict, loss budget, and the token by which a person says yes. Changes nothing."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import parse_moment
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import skew_of
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._budget import (
    Judgement,
    Lag,
    Line,
    judge_loss,
    read_accepted,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import MODES, accepted_words
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._token import (
    Offer,
    check_token,
    make_token,
    sentence,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verdict import (
    VANTAGES,
    Probe,
    Thoroughness,
    judge,
    refusal,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verified import standing
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    LEDGER_SPEC,
    last_passed_drill,
    ledger_repository,
    utc_now,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **LEDGER_SPEC,
    "mode": {"type": "str", "choices": list(MODES), "required": True},
    "source": {"type": "dict", "required": True},
    "target": {"type": "dict", "required": True},
    "plan_digest": {"type": "str", "default": ""},
    "plan_parts": {"type": "dict", "default": {}},
    "drill_max_age": {"type": "str", "default": "90d"},
    "probes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "vantage": {"type": "str", "choices": list(VANTAGES), "required": True},
            "at": {"type": "str", "required": True},
            "alive": {"type": "bool", "required": True},
        },
    },
    "min_outage": {"type": "str", "default": "5m"},
    "min_probes": {"type": "int", "default": 5},
    "lags": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "store": {"type": "str", "required": True},
            "seconds": {"type": "float"},
            "measured_at": {"type": "str", "required": True},
            "source": {"type": "str", "default": ""},
            "amount": {"type": "int"},
            "unit": {"type": "str", "default": ""},
            "beats": {"type": "int"},
        },
    },
    "objectives": {"type": "dict", "default": {}},
    "promoted_epoch": {"type": "int", "default": 0},
    "accept": {"type": "dict", "default": {}},
    "accept_data_loss": {"type": "str", "default": ""},
    "key_file": {"type": "path", "required": True},
    "token": {"type": "str", "no_log": False},
}
_KEY_BYTES = 32


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. It fails when something refuses, or when a token was given that does not fit."""
    options = module.params
    now = utc_now()
    verdict = judge(_probes(options), now, _thoroughness(options))
    losses = _judged(options, now)
    repository = ledger_repository(options)
    ledger = _ledger.read_ledger(repository, options["app"])
    reasons = (
        refusal(verdict, options["mode"], options["accept"]),
        _ledger.refusal(ledger, repository.name, options["promoted_epoch"], options["accept"]),
        *losses.refusals,
    )
    refusals = [text for text in reasons if text]
    offer = Offer(
        app=options["app"],
        mode=options["mode"],
        epoch=ledger.epoch if ledger.is_open else _ledger.next_epoch(ledger, options["promoted_epoch"]),
        plan_digest=options["plan_digest"],
        source=_texts(options["source"]),
        target=_texts(options["target"]),
        verdict=verdict.kind,
        losses=_bounds(options),
    )
    result: dict[str, t.Any] = {
        "changed": False,
        "verdict": verdict.kind,
        "because": verdict.because,
        "losses": [_loss(line, lag, options) for line, lag in zip(losses.lines, options["lags"])],
        "refusals": refusals,
        "sentence": sentence(offer),
        "skew_seconds": skew_of([lag["seconds"] for lag in options["lags"]]),
        "drill": _drilled(repository, options, now),
        "words": " ".join(accepted_words({**options["accept"], "data_loss": options["accept_data_loss"]})),
        "accepted": {**_texts(options["accept"]), "data_loss": options["accept_data_loss"]},
    }
    if refusals:
        words = losses.words(read_accepted(options["accept_data_loss"]))
        more = f" Whoever may say yes accepts it: -e failover_accept_data_loss={words}" if words else ""
        return {**result, "failed": True, "token": "", "msg": f"Nothing was done. {' '.join(refusals)}{more}"}
    key = _key(options["key_file"])
    if options["token"] is None:
        return {**result, "token": make_token(offer, key, now)}
    issued = check_token(options["token"], offer, key, now)
    return {**result, "token": "", "issued_at": issued.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _drilled(repository: Repository, options: t.Mapping[str, t.Any], now: datetime.datetime) -> dict[str, t.Any]:
    """What the drills say of the plan: it is shown, and refuses nothing."""
    max_age = parse_duration("drill_max_age", options["drill_max_age"])
    drill = last_passed_drill(repository, options["app"])
    return dataclasses.asdict(standing(drill, _texts(options["plan_parts"]), now, max_age))


def _loss(line: Line, lag: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A row for people, and its numbers for the report."""
    objective = options["objectives"].get(line.store)
    return {
        "store": line.store,
        "lag": line.lag,
        "budget": line.budget,
        "budget_seconds": parse_duration(f"objectives.{line.store}", objective).total_seconds() if objective else None,
        **{name: lag[name] for name in ("seconds", "beats", "amount", "unit")},
    }


def _probes(options: t.Mapping[str, t.Any]) -> list[Probe]:
    return [
        Probe(probe["vantage"], parse_moment(f"probes[{number}].at", probe["at"]), probe["alive"])
        for number, probe in enumerate(options["probes"])
    ]


def _thoroughness(options: t.Mapping[str, t.Any]) -> Thoroughness:
    return Thoroughness(parse_duration("min_outage", options["min_outage"]), max(1, options["min_probes"]))


def _lags(options: t.Mapping[str, t.Any]) -> list[Lag]:
    return [
        Lag(
            lag["store"],
            lag["seconds"],
            parse_moment(f"lags[{number}].measured_at", lag["measured_at"]),
            lag["source"],
            lag["amount"],
            lag["unit"],
        )
        for number, lag in enumerate(options["lags"])
    ]


def _judged(options: t.Mapping[str, t.Any], now: datetime.datetime) -> Judgement:
    objectives = {
        str(store): parse_duration(f"objectives.{store}", text).total_seconds()
        for store, text in options["objectives"].items()
    }
    accepted = read_accepted(options["accept_data_loss"])
    return judge_loss(options["mode"], _lags(options), objectives, accepted, now)


def _bounds(options: t.Mapping[str, t.Any]) -> dict[str, float | None]:
    """The most that each store may lose: what a person says yes to stays the same while the lag moves below it."""
    accepted = read_accepted(options["accept_data_loss"])
    bounds: dict[str, float | None] = {}
    for lag in _lags(options):
        if lag.store in accepted:
            bounds[lag.store] = accepted[lag.store]
        elif options["mode"] == "unplanned":
            objective = options["objectives"].get(lag.store, "0s")
            bounds[lag.store] = parse_duration(f"objectives.{lag.store}", objective).total_seconds()
        else:
            bounds[lag.store] = 0.0
    return bounds


def _texts(values: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in sorted(values.items())}


def _key(path: str) -> bytes:
    """The key of the tokens, which is made when it is not there. Raises LifeboatError when others may read it."""
    try:
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
        except FileExistsError:
            pass
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise LifeboatError(
                    f"key_file: others than its owner may read {path}, so they could make tokens.",
                    hint=f"chmod 600 {path}",
                )
            content = file.read(4096)
    except OSError as error:
        raise LifeboatError(
            f"key_file: {path} cannot be used: {error.strerror}.",
            hint="Name a file that this account may create or read, with mode 0600.",
        ) from None
    if len(content) < _KEY_BYTES:
        raise LifeboatError(
            f"key_file: {path} holds {len(content)} bytes, and {_KEY_BYTES} or more are needed.",
            hint="Remove it; a new one is made.",
        )
    return hashlib.sha256(content).digest()
