# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a NATS server says when it refuses, in words that a person can act on.

Codes are those of nats-server (server/errors.json); texts of ``-ERR`` are those of the client protocol.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError

NOT_ENABLED_FOR_ACCOUNT = 10039
NOT_ENABLED = 10076
STREAM_NOT_FOUND = 10059
INVALID_JSON = 10025
STREAM_EXISTS = 10130
STREAM_NAME_IN_USE = 10058

_HINTS = {
    NOT_ENABLED_FOR_ACCOUNT: "Use a user of an account that has JetStream, or enable it for this account in the "
    "server's configuration.",
    NOT_ENABLED: "Enable JetStream in the server's configuration, or name the domain that has it.",
    STREAM_NOT_FOUND: "List what is there with: nats stream list. Names are case sensitive, and each account "
    "has its own.",
    STREAM_EXISTS: "Restore under another name, or delete the stream first if nothing of it is needed any more.",
    STREAM_NAME_IN_USE: "Restore under another name, or delete the stream first if nothing of it is needed any more.",
    # account resources exceeded
    10002: "Raise the account's or the server's JetStream limits, or free some of what they hold.",
    # insufficient resources
    10023: "Raise the account's or the server's JetStream limits, or free some of what they hold.",
    10028: "Raise the account's memory limit for JetStream, or free some of it.",
    # insufficient storage resources available
    10047: "Raise the server's max_file_store, add disk space, or free some of it.",
    # detected cycle
    10052: "A mirror without source_domain or source_api follows a stream of its own account: itself, where the names "
    "are the same. Name the domain of the origin.",
    10074: "Restore with fewer replicas, or into a cluster: one server can hold one replica only.",
}
# The server did not do it now and may do it in a moment: no meta leader, not leader any more, a snapshot that has not
# ended yet, files of a stream that was deleted just now (the last two seen on 2.15.1).
_TRANSIENT_CODES = frozenset((10008, 10009, 10010))
_TRANSIENT_TEXTS = (
    "snapshot in progress",
    "expected sequence does not match",
    "could not create storage directory",
    "read/write on closed pipe",  # of a restore on a server under much load (2.12.8, 2.14.6)
)
_VIOLATION = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"", re.IGNORECASE)


class ServerError(SourceError):
    """A NATS server refused, gave up, or was lost. ``transient`` says that the same may go well in a moment."""

    def __init__(
        self, message: str, *, hint: str = "", transient: bool = False, details: dict[str, t.Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.transient = transient


class JetStreamError(ServerError):
    """An answer of the JetStream API that holds an error: ``code`` as in HTTP, ``err_code`` and ``description`` as the
    server has them.
    """

    def __init__(self, what: str, error: t.Mapping[str, t.Any]) -> None:
        self.code = _number(error.get("code"))
        self.err_code = _number(error.get("err_code"))
        self.description = str(error.get("description") or "")
        number = f" (error {self.err_code})" if self.err_code else ""
        super().__init__(
            f"{what} was refused by the NATS server: {self.description or 'it gave no reason'}{number}.",
            hint=_HINTS.get(self.err_code, ""),
            transient=self.err_code in _TRANSIENT_CODES or any(text in self.description for text in _TRANSIENT_TEXTS),
            details={"err_code": self.err_code, "description": self.description},
        )


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) else 0


def is_name_taken(error: BaseException) -> bool:
    """Whether a stream was refused because there is one of its name, or a restore under this name at work."""
    return isinstance(error, JetStreamError) and error.err_code in (STREAM_EXISTS, STREAM_NAME_IN_USE)


class NoAnswerError(ServerError):
    """Nobody answered in time, or nobody is there who could."""


class ConnectionLostError(ServerError):
    """The connection ended while it was needed. What was being transferred is not whole."""


class MissingPermissionError(ServerError):
    """The user may not publish or subscribe where the work needs it.

    ``grant`` is the subject to allow, ``verb`` publish or subscribe.
    """

    def __init__(self, verb: str, subject: str, server: str) -> None:
        self.verb, self.subject = verb, subject
        self.grant = grant_for(subject) if verb == "publish" else _inboxes_of(subject)
        super().__init__(
            f"The user at {server} may not {verb} to {subject}.",
            hint=f'Add to the user\'s permissions: {verb}: {{ allow: ["{self.grant}"] }}. Nothing has been changed.',
            details={"verb": verb, "subject": self.grant},
        )


class CannotConnectError(LifeboatError):
    """No connection could be made: not reachable, not let in, or no TLS."""


def no_answer(what: str, seconds: float) -> NoAnswerError:
    """Nobody answered: in a cluster only a stream's leader does (server/jetstream_api.go)."""
    return NoAnswerError(
        f"{what}: the NATS server gave no answer within {seconds:g} s.",
        hint=(
            "In a cluster only the leader answers: look for it with nats stream info, and at the servers' logs. "
            "Nothing has been changed."
        ),
        transient=True,
    )


def no_responders(what: str, subject: str) -> NoAnswerError:
    """The server says at once that nobody listens there (status 503)."""
    return NoAnswerError(
        f"{what}: nobody at this NATS server listens at {subject}.",
        hint="JetStream is not enabled there, or not in this account, or the option domain names another one.",
        details={"subject": subject},
    )


def permission_violation(text: str, server: str) -> MissingPermissionError | None:
    """What an ``-ERR`` means that tells of a missing permission; None for every other."""
    found = _VIOLATION.search(text)
    if not found:
        return None
    return MissingPermissionError("publish" if found[1].lower() == "publish" else "subscribe", found[2], server)


def _inboxes_of(subject: str) -> str:
    """The inboxes of which this is one, or all of a session's."""
    return f"{subject.removesuffix('.>').removesuffix('.*').rpartition('.')[0]}.>"


def grant_for(subject: str) -> str:
    """The subject to publish to that has to be allowed, where the one that was refused is different each time."""
    tokens = subject.split(".")
    if tokens[:3] == ["$JS", "SNAPSHOT", "ACK"]:
        return f"$JS.SNAPSHOT.ACK.{tokens[3]}.>"
    if tokens[:3] == ["$JS", "SNAPSHOT", "RESTORE"]:
        return f"$JS.SNAPSHOT.RESTORE.{tokens[3]}.*"
    return subject
