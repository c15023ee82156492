# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the mails of a folder (Maildir) as JSON, in the order in which they arrived: from, to, subject, text."""

from __future__ import annotations

import email
import email.message
import email.policy
import json
import pathlib
import sys


def main(folder: pathlib.Path) -> None:
    """Do it."""
    files = sorted((folder / "new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
    mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    print(
        json.dumps(
            [{**{name: str(mail[name]) for name in ("from", "to", "subject")}, "text": text(mail)} for mail in mails]
        )
    )


def text(mail: email.message.EmailMessage) -> str:
    """The body, as text, or else as HTML."""
    body = mail.get_body(("plain", "html"))
    return str(body.get_content()) if body else ""


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
