# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Write a report and its renderings. The only part of this package that touches a disk."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from pathlib import Path

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import make_folders
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import render_html
from ansible_collections.lifeboat.dr.plugins.module_utils._report._junit import render_junit
from ansible_collections.lifeboat.dr.plugins.module_utils._report._markdown import render_markdown
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report, canonical_json

_SUFFIXES = {"json": ".json", "html": ".html", "markdown": ".md", "junit": ".junit.xml"}
# NAME_MAX of Linux file systems is 255 bytes; the longest suffix, a number and a temporary tail have to fit as well.
_LONGEST_STEM = 200


def write_reports(report: Report, directory: str) -> dict[str, str]:
    """Write the report as ``json``, ``html``, ``markdown`` and ``junit`` into the directory and give the four paths by
    these names.

    Each file appears whole or not at all (written beside, synced, renamed), readable by its owner only; the JSON comes
    last, so where it is the others are. The directory is made (0700) where it is missing and left as it is where it
    exists. No earlier report is replaced: another one of the same second gets a number. Raises LifeboatError where the
    directory cannot be made or written.
    """
    contents = {
        "html": render_html(report).encode("utf-8"),
        "markdown": render_markdown(report).encode("utf-8"),
        "junit": render_junit(report).encode("utf-8"),
        "json": canonical_json(report),
    }
    try:
        folder = _folder(directory)
        stem = _free_stem(folder, file_stem(report), contents["json"])
        paths = {kind: folder / (stem + _SUFFIXES[kind]) for kind in contents}
        for kind, path in paths.items():
            write_whole(str(path), contents[kind])
    except OSError as error:
        raise LifeboatError(
            f"The report of backup {report.backup_id!r} could not be written to {directory!r}: "
            f"{error.strerror or error}.",
            hint="Name a directory in 'report_dir' that exists or can be made, and that this user may write.",
            details={"directory": directory, "errno": error.errno},
        ) from error
    return {kind: str(paths[kind]) for kind in _SUFFIXES}


def file_stem(report: Report) -> str:
    """``<app>_<component>_<backup_id>_<timestamp>`` with everything percent-encoded that a file name should not
    hold.
    """
    moment = re.sub(r"[-:]|\.\d+", "", report.finished_at)
    stem = "_".join(_encoded(part) for part in (report.app, report.component, report.backup_id, moment))
    if len(stem) <= _LONGEST_STEM:
        return stem
    return stem[: _LONGEST_STEM - 17] + "-" + hashlib.sha256(stem.encode()).hexdigest()[:16]


def _encoded(part: str) -> str:
    quoted = urllib.parse.quote(part, safe="", errors="surrogatepass").replace("~", "%7E")
    # Hidden files and names that look like options are asking for trouble.
    return f"%{ord(quoted[0]):02X}{quoted[1:]}" if quoted[:1] in (".", "-") else quoted


def _folder(directory: str) -> Path:
    folder = Path(directory)
    if not folder.is_dir():
        make_folders(directory)
    return folder


def _free_stem(folder: Path, stem: str, json: bytes) -> str:
    number = 1
    while True:
        candidate = stem if number == 1 else f"{stem}-{number}"
        path = folder / (candidate + _SUFFIXES["json"])
        if not path.exists() or path.read_bytes() == json:
            return candidate
        number += 1
