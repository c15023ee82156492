# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A message as it came."""

from __future__ import annotations

import re
import typing as t

_STATUS = re.compile(rb"NATS/1\.0[ \t]*(\d*)[ \t]*([^\r\n]*)")


class Delivery(t.NamedTuple):
    """A message that came.

    ``headers`` are the raw bytes from ``NATS/1.0`` on, with the empty line that ends them; b"" without any.
    """

    subject: bytes
    reply: bytes
    headers: bytes
    data: bytes

    @property
    def status(self) -> tuple[str, str]:
        """The inline status and its text, ("", "") without one: ``NATS/1.0 408 No Flow Response``."""
        found = _STATUS.match(self.headers)
        return (found[1].decode("latin-1"), found[2].decode("utf-8", "replace").strip()) if found else ("", "")
