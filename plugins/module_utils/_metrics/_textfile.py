# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Files of metrics in the folder that the node exporter's textfile collector reads.

Whatever happens to them never fails what they tell of: the caller warns, and goes on.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._whole_file import write_whole
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import (
    LABEL,
    Sample,
    read_values,
    render,
)

METRICS_SPEC: dict[str, dict[str, t.Any]] = {
    "metrics": {
        "type": "dict",
        "options": {"dir": {"type": "path", "required": True}, "labels": {"type": "dict"}},
    }
}
"""The option of every module that tells Prometheus something; the fragment ``lifeboat.dr.metrics`` documents it."""
RESERVED = ("app", "component", "engine", "repository", "server", "source", "destination", "code", "state", "instance",
            "job", "host", "name")  # fmt: skip
"""Labels that metrics have already, or that Prometheus adds."""
_MODE = 0o644  # the node exporter runs as another account


@dataclasses.dataclass(frozen=True)
class Textfiles:
    """A folder for metrics, and the labels that all of them get."""

    folder: str
    labels: t.Mapping[str, str]

    def path(self, kind: str, *names: str) -> str:
        """``FOLDER/lifeboat_backup_shop@codex.prom``: no name of an app or component holds an @."""
        return os.path.join(self.folder, f"lifeboat_{kind}_{'@'.join(names)}.prom")

    def earlier(self, path: str) -> dict[str, float]:
        """What the file says now; nothing where there is none, or none that can be read."""
        try:
            # Root reads in a folder that the account which backs up may own: no link is followed, no pipe waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, encoding="utf-8", errors="replace") as file:
                return read_values(file.read(1 << 20))
        except OSError:
            return {}

    def write(self, path: str, samples: t.Iterable[Sample]) -> str:
        """Write the file whole, beside its place and renamed. Gives an empty text, or what kept it from being
        written.
        """
        try:
            labelled = [Sample(one.name, one.value, {**self.labels, **one.labels}) for one in samples]
            write_whole(path, render(labelled), _MODE)
        except OSError as error:
            return (
                f"The metrics could not be written to {path}: {error.strerror or error}. What they tell of is as it "
                "is; Prometheus goes on to see the older ones."
            )
        return ""


def open_textfiles(options: t.Mapping[str, t.Any] | None) -> Textfiles | None:
    """The folder that the option ``metrics`` names; None where it is not given. Raises OptionError."""
    if not options:
        return None
    labels = options.get("labels") or {}
    for name in labels:
        if not LABEL.fullmatch(str(name)) or str(name).startswith("__"):
            raise OptionError(
                f"metrics.labels: {name!r} is not the name of a label.", hint="Use letters, digits and underscores."
            )
        if name in RESERVED:
            raise OptionError(
                f"metrics.labels: {name} is a label that the metrics have already.", hint="Use another name."
            )
    return Textfiles(options["dir"], {str(name): str(value) for name, value in labels.items()})
