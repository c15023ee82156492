# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of age for the tests, each in a file as age-keygen writes it."""

from __future__ import annotations

import dataclasses
import pathlib
import threading
import typing as t

import pyrage
import pytest


@dataclasses.dataclass(frozen=True)
class AgeKey:
    """A key pair: the public key, the secret key, and the file that holds the latter."""

    public: str
    secret: str
    file: str


@pytest.fixture
def new_age_key(tmp_path: pathlib.Path) -> t.Callable[[], AgeKey]:
    """Makes a key pair and its file (mode 0600)."""

    def make() -> AgeKey:
        identity = pyrage.x25519.Identity.generate()
        public, secret = str(identity.to_public()), str(identity)
        file = tmp_path / f"{public[-8:]}.key"
        file.touch(mode=0o600)
        file.write_text(f"# created: 2026-01-15T02:00:00Z\n# public key: {public}\n{secret}\n")
        return AgeKey(public, secret, str(file))

    return make


@pytest.fixture
def no_thread_stays() -> t.Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()
