# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories that talk to a mock."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api import _s3_client
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Connection, S3Settings

from tests.unit.repository.mock_s3 import MockS3Client


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits between attempts; what would have been waited is noted."""
    noted: list[float] = []
    monkeypatch.setattr(_s3_client, "_FIRST_WAIT_SECONDS", 0.0)
    real = _s3_client.Limit.wait
    monkeypatch.setattr(_s3_client.Limit, "wait", lambda limit, seconds: noted.append(seconds) or real(limit, seconds))
    return noted


@pytest.fixture
def store_of(waits: list[float]) -> t.Callable[..., S3Store]:
    """A store that talks to a mock."""

    def make(client: MockS3Client, **settings: t.Any) -> S3Store:
        filled = S3Settings(bucket="shop-backups", prefix="lifeboat", endpoint_url="http://s3.example:9000", **settings)
        return S3Store(S3Connection(filled, lambda _settings: t.cast(t.Any, client)))

    return make
