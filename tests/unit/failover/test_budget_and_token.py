# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loss budget and the token: unknown is never nothing, and a yes is to exactly one failover."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._budget import Lag, judge_loss, read_accepted
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._token import (
    Offer,
    VoidTokenError,
    check_token,
    exceeded,
    make_token,
    sentence,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 3, 0, 30, tzinfo=datetime.UTC)
KEY = b"k" * 32
OFFER = Offer(
    app="shop",
    mode="unplanned",
    epoch=17,
    plan_digest="5b1f",
    source={"region": "eu-central-1", "system_identifier": "7300", "timeline": "3"},
    target={"region": "eu-west-1"},
    verdict="DOWN",
    losses={"codex": 12.0, "events": None},
)


def lag(seconds: float | None, store: str = "codex", age: float = 0) -> Lag:
    return Lag(store, seconds, NOW - datetime.timedelta(seconds=age))


def refusals(mode: str, *lags: Lag, objective: float = 60, accepted: str = "") -> tuple[str, ...]:
    objectives = {one.store: objective for one in lags}
    return judge_loss(mode, lags, objectives, read_accepted(accepted), NOW).refusals


class TestBudget:
    @pytest.mark.parametrize("mode", ["planned", "failback"])
    def test_a_planned_run_loses_nothing_whatever_the_objective(self, mode: str) -> None:
        assert refusals(mode, lag(0)) == ()
        assert "loses nothing, and the lag is 1 s" in refusals(mode, lag(1))[0]
        assert "is not known" in refusals(mode, lag(None))[0]
        assert "was measured too long ago" in refusals(mode, lag(0, age=120))[0]
        assert "was measured too long ago" in refusals(mode, lag(0, age=-3600))[0]  # by a clock that is not ours

    def test_a_planned_run_waits_for_the_few_bytes_that_a_source_in_use_is_always_ahead(self) -> None:
        for seconds in (None, 1.0):
            near, far = (Lag("codex", seconds, NOW, amount=amount, unit="bytes") for amount in (168, 1 << 30))
            assert refusals("planned", near) == ()
            assert refusals("planned", far) != ()
            assert refusals("unplanned", near, objective=0) != ()

    def test_an_unplanned_run_may_lose_what_the_objective_allows(self) -> None:
        assert refusals("unplanned", lag(60)) == ()
        assert refusals("unplanned", lag(60, age=86400)) == ()  # a dead source publishes nothing any more
        assert refusals("unplanned", lag(60.5)) == ("codex: 60.5 s would be lost, and 60 s may be.",)

    def test_what_accepts_all_of_it_is_one_word_to_type_with_what_was_accepted_before(self) -> None:
        accepted = read_accepted("sessions:90s,events:5s")
        lags = [lag(60.5), Lag("events", None, NOW), Lag("sessions", 80.0, NOW), Lag("chunks", 0.0, NOW)]
        judgement = judge_loss("unplanned", lags, {"codex": 60.0}, accepted, NOW)
        words = judgement.words(accepted)
        assert words == "sessions:90s,codex:61s,events:unknown"
        assert judge_loss("unplanned", lags, {"codex": 60.0}, read_accepted(words), NOW).refusals == ()
        assert judge_loss("planned", [lag(5)], {}, {}, NOW).words({}) == "", "nothing can accept that"

    def test_unknown_is_over_every_budget(self) -> None:
        assert "nobody knows how much" in refusals("unplanned", lag(None), objective=1e9)[0]
        assert refusals("unplanned", lag(None), accepted="codex:unknown") == ()
        assert "not known any longer" in refusals("unplanned", lag(None), accepted="codex:2h")[0]

    def test_a_store_without_an_objective_may_lose_nothing(self) -> None:
        assert judge_loss("unplanned", [lag(1)], {}, {}, NOW).refusals

    def test_more_than_was_accepted_is_refused(self) -> None:
        assert refusals("unplanned", lag(120), accepted="codex:2m") == ()
        assert (
            "a loss of 120 s was accepted, and it is 121 s now"
            in refusals("unplanned", lag(121), accepted="codex:2m")[0]
        )

    @pytest.mark.parametrize("text", ["codex", "codex:", ":5s", "codex:5s,,events:1s", "codex:soon"])
    def test_a_text_that_does_not_say_what_may_be_lost_is_refused(self, text: str) -> None:
        with pytest.raises(OptionError, match="accept_data_loss"):
            read_accepted(text)

    def test_a_store_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(OptionError, match="names kodex.*components are codex"):
            refusals("unplanned", lag(1), accepted="kodex:1m")

    @given(st.floats(0, 1e6), st.floats(0, 1e6), st.one_of(st.none(), st.floats(0, 1e6)))
    def test_what_passes_is_within_the_objective_or_was_accepted(
        self, seconds: float, objective: float, accepted: float | None
    ) -> None:
        given_losses = {} if accepted is None else {"codex": accepted}
        passed = not judge_loss("unplanned", [lag(seconds)], {"codex": objective}, given_losses, NOW).refusals
        assert passed == (seconds <= objective or (accepted is not None and seconds <= accepted))


class TestToken:
    def test_a_token_opens_its_own_offer_for_fifteen_minutes(self) -> None:
        token = make_token(OFFER, KEY, NOW)
        issued = check_token(f" {token.lower()} ", OFFER, KEY, NOW + datetime.timedelta(minutes=14))
        assert issued == NOW.replace(second=0)
        with pytest.raises(VoidTokenError, match="is void after 15 minutes"):
            check_token(token, OFFER, KEY, NOW + datetime.timedelta(minutes=16))

    @pytest.mark.parametrize("years", [-1, 1, 2, 3])
    def test_the_same_minute_of_another_time_does_not_make_it_valid(self, years: int) -> None:
        with pytest.raises(VoidTokenError):
            check_token(make_token(OFFER, KEY, NOW), OFFER, KEY, NOW + datetime.timedelta(days=365 * years))

    @pytest.mark.parametrize(
        "change",
        [
            {"app": "shop2"},
            {"mode": "planned"},
            {"epoch": 18},
            {"plan_digest": "5b20"},
            {"source": {**OFFER.source, "timeline": "4"}},
            {"target": {"region": "eu-west-2"}},
            {"verdict": "UNKNOWN"},
            {"losses": {"codex": 13.0, "events": None}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_any_change_of_the_offer_makes_it_void(self, change: dict[str, object]) -> None:
        token = make_token(OFFER, KEY, NOW)
        with pytest.raises(VoidTokenError, match="belongs to another failover"):
            check_token(token, dataclasses.replace(OFFER, **change), KEY, NOW)  # type: ignore[arg-type]

    def test_another_key_makes_another_token(self) -> None:
        with pytest.raises(VoidTokenError):
            check_token(make_token(OFFER, b"x" * 32, NOW), OFFER, KEY, NOW)

    def test_another_time_cannot_be_written_into_it(self) -> None:
        old, new = make_token(OFFER, KEY, NOW), make_token(OFFER, KEY, NOW + datetime.timedelta(hours=1))
        forged = new.partition("-")[0] + "-" + old.partition("-")[2]
        with pytest.raises(VoidTokenError):
            check_token(forged, OFFER, KEY, NOW + datetime.timedelta(hours=1))

    @pytest.mark.parametrize(
        "text", ["", "yes", "ABCD-ABCDEFGHI", "ABCD-ABCDEFGH01", "ABCDABCDEFGHIJ", "ÄBCD-ABCDEFGHIJ"]
    )
    def test_a_text_that_is_no_token_is_called_so(self, text: str) -> None:
        with pytest.raises(OptionError, match="is not one that preflight prints"):
            check_token(text, OFFER, KEY, NOW)

    def test_the_sentence_names_things_and_not_identifiers(self) -> None:
        assert sentence(OFFER) == (
            "unplanned failover of shop from eu-central-1 to eu-west-1; at most this is lost: codex: 12 s, "
            "events: an unknown amount."
        )

    def test_a_loss_that_grew_or_is_not_known_any_longer_exceeds_the_offer(self) -> None:
        offered = {"codex": 12.0, "events": None}
        assert exceeded(offered, {"codex": 12.0, "events": 99.0}) == []
        assert exceeded(offered, {"codex": 12.1}) == ["codex: at most 12 s was offered, and it is 12.1 s now"]
        assert exceeded(offered, {"codex": None, "cache": 0.0}) == [
            "cache was not offered",
            "codex: at most 12 s was offered, and it is an unknown amount now",
        ]
