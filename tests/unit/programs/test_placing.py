# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places that a restore fills: found, locked, put in place or taken back."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._placing import (
    Place,
    begun,
    places_of,
    put_in_place,
    remove_leftovers,
)

_ID = "20260115T020000Z-3f9a2c"


def test_a_target_folder_is_one_place() -> None:
    (place,) = places_of(_ID, "/restored", ["/a", "/b"], ["/c"])
    assert (place.path, place.include, place.outer_folder) == (
        "/restored",
        ("/a", "/b"),
        f"/restored.restoring-{_ID}",
    )


def test_in_place_each_path_is_a_place_and_what_lacks_its_folder_shares_the_missing_one(tmp_path: pathlib.Path) -> None:
    paths = [f"{tmp_path}/here", f"{tmp_path}/srv/shop/one", f"{tmp_path}/srv/shop/two"]
    here, srv = places_of(_ID, "", [], paths)
    assert (here.path, here.include) == (paths[0], (paths[0],))
    assert (srv.path, srv.include) == (f"{tmp_path}/srv", (paths[1], paths[2]))
    with begun([srv]) as (filling,):
        assert filling.source == f"{filling.folder}{tmp_path}/srv"
        assert filling.named(filling.source) == f"{tmp_path}/srv.restoring-{_ID}/files{tmp_path}/srv"


def test_a_path_below_another_one_comes_with_it(tmp_path: pathlib.Path) -> None:
    paths = [f"{tmp_path}/a/b", f"{tmp_path}/a", f"{tmp_path}/ab"]
    assert [place.path for place in places_of(_ID, "", paths, [])] == [f"{tmp_path}/a", f"{tmp_path}/ab"]


def _place(path: pathlib.Path) -> Place:
    return Place(str(path), (), whole=True, backup_id=_ID)


def test_what_is_not_put_in_place_is_removed(tmp_path: pathlib.Path) -> None:
    place = _place(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), begun([place]) as (filling,):
        (pathlib.Path(filling.folder) / "half").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_at_work_is_refused_and_one_left_over_is_removed(tmp_path: pathlib.Path) -> None:
    place = _place(tmp_path / "out")
    with begun([place]), pytest.raises(OptionError, match="Another restore is at work"):
        remove_leftovers([place])
    leftover = tmp_path / "out.restoring-20250101T000000Z-000000"
    leftover.mkdir()
    (leftover / "half").touch()
    (tmp_path / "output.restoring-x").mkdir()
    (tmp_path / "out.restoring-file").touch()
    os.symlink(tmp_path / "output.restoring-x", tmp_path / "out.restoring-link")
    assert remove_leftovers([place]) == [str(leftover)]
    kept = ["out.restoring-file", "out.restoring-link", "output.restoring-x"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_when_one_place_cannot_be_filled_everything_has_its_old_name(tmp_path: pathlib.Path) -> None:
    places = [_place(tmp_path / "one"), _place(tmp_path / "two")]
    for place in places:
        pathlib.Path(place.path).mkdir()
        (pathlib.Path(place.path) / "old").touch()
    with begun(places) as fillings:
        (pathlib.Path(fillings[0].folder) / "new").touch()
        os.rmdir(fillings[1].folder)
        with pytest.raises(LifeboatError, match="Everything has its old name again") as caught:
            put_in_place(fillings, "abc")
        assert f"{places[1].outer_folder}/files cannot be renamed" in caught.value.message
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "one",
        "one/old",
        "two",
        "two/old",
    ]


def test_what_was_there_is_kept_under_another_name(tmp_path: pathlib.Path) -> None:
    place = _place(tmp_path / "out")
    os.symlink("/etc", tmp_path / "out")
    with begun([place]) as (filling,):
        (pathlib.Path(filling.folder) / "new").touch()
        assert put_in_place([filling], "abc") == [f"{tmp_path}/out.before-abc"]
    assert os.readlink(tmp_path / "out.before-abc") == "/etc"
    assert os.listdir(tmp_path / "out") == ["new"]


def test_a_folder_that_cannot_be_made_names_the_target(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OptionError, match="The folder above the target"), begun([_place(tmp_path / "no" / "out")]):
        pass


def test_who_exchanges_the_folder_while_it_is_filled_leads_nothing_elsewhere(tmp_path: pathlib.Path) -> None:
    """The folder above may belong to another account; a name is no hold on a folder, an open descriptor is."""
    place, elsewhere = _place(tmp_path / "out"), tmp_path / "elsewhere"
    (elsewhere / "files").mkdir(parents=True)
    elsewhere.chmod(0o700)
    with begun([place]) as (filling,):
        os.rename(place.outer_folder, tmp_path / "taken")
        os.symlink(elsewhere, place.outer_folder)
        subprocess.run(["touch", f"{filling.folder}/by-a-program"], check=True)
        (pathlib.Path(filling.folder) / "by-us").touch()
        put_in_place([filling], "abc")
    assert sorted(os.listdir(tmp_path / "out")) == ["by-a-program", "by-us"]
    assert os.listdir(elsewhere / "files") == [] and os.path.islink(place.outer_folder)
