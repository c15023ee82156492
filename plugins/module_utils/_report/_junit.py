# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The JUnit XML report, as CI systems read it: one suite per group of checks and one for the damaged copies.

The element and attribute names follow the schema that Jenkins publishes (xunit plugin, ``junit-10.xsd``). It is red
whenever the verdict is: a report in which nothing was checked gets a failing test case of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_scalar, visible
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Item, Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import bad

_ELEMENTS = {"failed": "failure", "error": "error", "skipped": "skipped"}
_COUNTED = (
    ("tests", "testcase"),
    ("failures", "testcase/failure"),
    ("errors", "testcase/error"),
    ("skipped", "testcase/skipped"),
)


def render_junit(report: Report) -> str:
    """The whole document, XML 1.0 in UTF-8."""
    root = ElementTree.Element(
        "testsuites", name=visible(f"lifeboat {report.app}/{report.component} {report.backup_id}")
    )
    for group, title in content.GROUP_TITLES.items():
        checks = [check for check in report.checks if check.group == group]
        if checks:
            _suite(root, report, title, [_check_case(report, check) for check in checks])
    if report.controls:
        _suite(root, report, "Damaged copies", [_control_case(report, control) for control in report.controls])
    if report.verdict == "failed" and not bad(report.checks) and not bad(report.controls):
        _suite(root, report, "Verdict", [_verdict_case(report)])
    _count(root, "testsuite/")
    if report.measured.total_seconds is not None:
        root.set("time", f"{report.measured.total_seconds:.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, report: Report, title: str, cases: Sequence[ElementTree.Element]) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=title)
    suite.extend(cases)
    _count(suite, "")
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
    suite.set("timestamp", report.started_at.rstrip("Z"))  # the schema's ISO8601_DATETIME_PATTERN has no zone
    suite.set("hostname", visible(report.environment.host))


def _count(element: ElementTree.Element, prefix: str) -> None:
    for attribute, path in _COUNTED:
        element.set(attribute, str(len(element.findall(prefix + path))))


def _case(report: Report, group: str, title: str, seconds: float | None) -> ElementTree.Element:
    classname = f"lifeboat.{report.app}.{report.component}.{group}"
    return ElementTree.Element(
        "testcase", name=visible(title), classname=visible(classname), time=f"{seconds or 0.0:.3f}"
    )


def _answer(case: ElementTree.Element, status: str, message: str, text: str) -> ElementTree.Element:
    if status in _ELEMENTS:
        answer = ElementTree.SubElement(case, _ELEMENTS[status], message=visible(message))
        if status != "skipped":
            answer.set("type", status)
            answer.text = visible(text, keep="\n\t")
    return case


def _check_case(report: Report, check: Check) -> ElementTree.Element:
    compared = [
        f"{term}: {format_scalar(value)}"
        for term, value in (("expected", check.expected), ("observed", check.observed))
        if value is not None
    ]
    text = "\n".join(filter(None, [check.message, *compared, *map(_item_line, bad(check.items))]))
    case = _case(report, check.group, check.title, check.seconds)
    return _answer(case, check.status, check.message or f"{check.title}: {check.status}", text)


def _item_line(item: Item) -> str:
    compared = (
        f"expected {format_scalar(item.expected)}, observed {format_scalar(item.observed)}"
        if item.observed is not None
        else ""
    )
    return f"{item.status}: {item.name}: " + "; ".join(filter(None, (item.message, compared)))


def _control_case(report: Report, control: Control) -> ElementTree.Element:
    case = _case(report, "controls", f"{control.title} is refused", None)
    message = f"The damaged copy was {content.CONTROL_WORDS[control.status]}."
    return _answer(case, control.status, message, "\n".join(filter(None, [message, control.damage, control.message])))


def _verdict_case(report: Report) -> ElementTree.Element:
    problem = content.problems(report)[0]
    case = _case(report, "verdict", "The backup is proven", None)
    return _answer(case, "failed", problem.title, f"{problem.title}\n{problem.message}")
