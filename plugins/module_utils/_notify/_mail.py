# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Sends a mail, over a connection that is encrypted and whose certificate is checked, unless it is not to be."""

from __future__ import annotations

import email.message
import email.utils
import smtplib
import ssl
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import visible

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import Event

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def mail_of(event: Event, sender: str, to: t.Sequence[str], log_lines: int) -> email.message.EmailMessage:
    """The mail. A recovery has the same thread as the failure before."""
    message = email.message.EmailMessage()
    message["Subject"] = f"[lifeboat] {event.subject}"
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = email.utils.formatdate(usegmt=True)
    message["Message-ID"] = email.utils.make_msgid(domain=sender.rpartition("@")[2])
    message["References"] = f"<{event.app}.{event.job}.{visible(event.host)}@lifeboat.dr>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers automatically
    message.set_content(event.text(log_lines))
    return message


def send_mail(event: Event, channel: t.Mapping[str, t.Any], password: str, seconds: float) -> None:
    """Hand the mail to the server. Raises LifeboatError, also where it refuses one of several addresses."""
    security = channel["smtp_security"]
    port = channel.get("smtp_port") or _PORTS[security]
    sender = channel.get("sender") or f"lifeboat@{event.host}"
    place = f"{channel['smtp_host']}:{port}"
    try:
        context = ssl.create_default_context(cafile=channel.get("ca_file"))
        with _connection(channel["smtp_host"], port, security, context, seconds) as server:
            if security == "starttls":
                server.starttls(context=context)
            if channel.get("smtp_user"):
                server.login(channel["smtp_user"], password)
            refused = server.send_message(
                mail_of(event, sender, channel["to"], channel["log_lines"]), sender, channel["to"]
            )
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(place, error.recipients) from None
    except smtplib.SMTPAuthenticationError as error:
        raise LifeboatError(
            f"{place} does not let {channel['smtp_user']} in (code {error.smtp_code}).",
            hint="Check smtp_user and smtp_password_file.",
        ) from None
    except smtplib.SMTPResponseException as error:  # its text is the server's, and holds no secret of ours
        raise LifeboatError(
            f"{place} refuses the mail ({error.smtp_code} {_text(error.smtp_error)}).",
            hint="Check sender, and whether this host may send through that server.",
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise LifeboatError(
            f"{place}: {error}", hint="Set smtp_security to what the server offers: starttls, tls or none."
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise LifeboatError(
            f"the certificate of {place} is not trusted ({error.verify_message}).",
            hint="Put it right there, or give ca_file where it is your own.",
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise LifeboatError(
            f"{place} does not take the mail ({getattr(error, 'strerror', None) or error or type(error).__name__}).",
            hint="Check smtp_host, smtp_port and smtp_security.",
        ) from None
    if refused:
        raise _refused(place, refused)


def _connection(host: str, port: int, security: str, context: ssl.SSLContext, seconds: float) -> smtplib.SMTP:
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
    return smtplib.SMTP(host, port, timeout=seconds)


def _refused(place: str, refused: t.Mapping[str, tuple[int, bytes | str]]) -> LifeboatError:
    who = "; ".join(f"{address} ({code} {_text(text)})" for address, (code, text) in sorted(refused.items()))
    return LifeboatError(f"{place} refuses {who}.", hint="Check the addresses in to.")


def _text(text: bytes | str) -> str:
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else text)[:200]
