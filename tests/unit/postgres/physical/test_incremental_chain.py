# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an incremental backup builds on: PostgreSQL's manifest is found as the tar passes, and chains are whole."""

from __future__ import annotations

import io
import tarfile
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._incremental import ManifestWatcher

MANIFEST = b'{ "PostgreSQL-Backup-Manifest-Version": 2 }\n' * 50


def archive(*, with_manifest: bool = True) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        files = [("base/1/1", b"x" * 8192), ("empty", b""), ("base/1/backup_manifest", b"not this one")]
        for name, content in [*files, *([("backup_manifest", MANIFEST)] if with_manifest else [])]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize("size", [1, 100, 512, 513, 1 << 20])
def test_postgresqls_manifest_is_kept_as_the_tar_passes_in_pieces_of_any_size(size: int) -> None:
    whole = archive()
    watcher = ManifestWatcher(whole[at : at + size] for at in range(0, len(whole), size))
    assert b"".join(watcher) == whole
    assert bytes(watcher.manifest) == MANIFEST
    none = ManifestWatcher(iter([archive(with_manifest=False)]))
    assert b"".join(none) and not none.manifest


def backup(name: str, prior: str = "") -> t.Any:
    content = PhysicalContent(
        server_version="18.4", major=18, system_identifier="1", timeline=1, start_lsn="0/2000028", stop_lsn="0/2000138",
        stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=16 << 20, archive="a", first_segment="", last_segment="",
        superuser="postgres", data_checksums=True, prior=prior,
    )  # fmt: skip
    return types.SimpleNamespace(backup_id=name, manifest=types.SimpleNamespace(content=to_plain(content)))


def test_a_chain_is_followed_to_its_full_backup_and_a_hole_or_a_circle_in_it_is_damage() -> None:
    full, first, second = backup("full"), backup("first", "full"), backup("second", "first")
    assert _plan.chain_of(second, [second, full, first]) == [full, first, second]
    assert _plan.chain_of(full, [second]) == [full]
    with pytest.raises(DamagedError, match="second is an incremental backup that builds on full"):
        _plan.chain_of(second, [second, first])
    with pytest.raises(DamagedError):
        _plan.chain_of(second, [second, backup("first", "second")])
