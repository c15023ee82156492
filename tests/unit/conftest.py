# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of threads and processes have in common."""

from __future__ import annotations

import threading
import typing as t

import pytest


@pytest.fixture
def no_thread_survives() -> t.Iterator[None]:
    """Fails a test that leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()
