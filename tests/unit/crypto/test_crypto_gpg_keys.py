# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what gpg says about keys. The listings are of GnuPG 2.2."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_keys import parse_keys, usable

PUBLIC = """\
tru:t:1:1795249131:0:3:1:5
pub:-:255:22:A301E446A6A8386D:1795249131:::-:::scESC::::::ed25519:::0:
fpr:::::::::535A6A6EC2DCCB1A3D3FF7CDA301E446A6A8386D:
uid:-::::1795249131::0F099418D690943BA201D437CB86CD33C36EA20D::Operations <ops@example.org>::::::::::0:
sub:-:255:18:561160D3BC0D4296:1795249131::::::e::::::cv25519::
fpr:::::::::257F302D38C18E3C2E4A3E6F561160D3BC0D4296:
"""
SECRET = PUBLIC.replace("pub:", "sec:").replace("sub:", "ssb:")
EXPIRED = PUBLIC.replace("pub:-", "pub:e").replace("scESC", "sc")
SIGNING_ONLY = PUBLIC.replace("scESC", "scSC")


def test_a_public_key_is_read_with_the_fingerprint_of_its_primary_key() -> None:
    (key,) = parse_keys(PUBLIC)
    assert str(key) == "535A6A6EC2DCCB1A3D3FF7CDA301E446A6A8386D (Operations <ops@example.org>)"
    assert key.can_encrypt and not key.secret


def test_a_secret_key_is_told_from_a_public_one() -> None:
    assert [key.secret for key in parse_keys(SECRET + PUBLIC)] == [True, False]


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (EXPIRED, "it has expired"),
        (SIGNING_ONLY, "no subkey that encrypts"),
        (PUBLIC.replace("pub:-", "pub:r"), "it was revoked"),
    ],
)
def test_a_key_that_nothing_can_be_encrypted_to_is_refused_with_the_reason(listing: str, reason: str) -> None:
    (key,) = parse_keys(listing.replace("scESC", "scSC"))
    with pytest.raises(OptionError, match=reason):
        usable(key, "encryption.recipients[0]")


@hypothesis.given(st.text(alphabet="pubsecfpruid:\nE0", max_size=200))
def test_any_listing_can_be_looked_at(listing: str) -> None:
    parse_keys(listing)
