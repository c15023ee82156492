# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of an archive selected tables need, on scripted tables of contents."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _selection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
from hypothesis import given
from hypothesis import strategies as st

_SECTIONS = {"TABLE DATA": "data", "SEQUENCE SET": "data", "BLOBS": "data"}


class Script:
    """A table of contents; entries are added with ``add`` and named by it."""

    def __init__(self) -> None:
        self.entries: list[TocEntry] = []
        self._ids = itertools.count(1)
        for kind in ("ENCODING", "STDSTRINGS", "SEARCHPATH"):
            self.add(kind, kind, schema="")
        self.public = self.add("SCHEMA", "public", schema="")

    def add(self, description: str, tag: str, *dependencies: int, schema: str = "public") -> int:
        """Gives the dump id."""
        number = next(self._ids)
        section = _SECTIONS.get(description, "pre-data")
        self.entries.append(
            TocEntry(number, True, 1259, 16000 + number, tag, description, section, "", "", schema, "me", dependencies)
        )
        return number

    def table(self, name: str, *dependencies: int) -> int:
        """A table with its rows."""
        table = self.add("TABLE", name, self.public, *dependencies)
        self.add("TABLE DATA", name, table)
        return table

    def chosen(self, *tables: str) -> set[str]:
        """The chosen entries in words, without those that every list has."""
        chosen = _selection.select(self.entries, [f"public.{table}" for table in tables])
        words = {f"{entry.description} {entry.tag}" for entry in self.entries if entry.dump_id in chosen}
        return words - {"ENCODING ENCODING", "STDSTRINGS STDSTRINGS", "SEARCHPATH SEARCHPATH", "SCHEMA public"}


def test_a_table_brings_its_rows_indexes_constraints_and_what_is_said_of_them() -> None:
    script = Script()
    orders = script.table("orders")
    script.table("others")
    index = script.add("INDEX", "orders_day", orders)
    script.add("COMMENT", "INDEX orders_day", index)
    script.add("CONSTRAINT", "orders orders_pkey", orders)
    script.add("ACL", "TABLE orders", orders)
    assert script.chosen("orders") == {
        "TABLE orders", "TABLE DATA orders", "INDEX orders_day", "COMMENT INDEX orders_day",
        "CONSTRAINT orders orders_pkey",
        "ACL TABLE orders",
    }  # fmt: skip


def test_a_trigger_brings_its_function_and_the_functions_schema_but_no_table_of_that_schema() -> None:
    script = Script()
    audit = script.add("SCHEMA", "audit", schema="")
    function = script.add("FUNCTION", "remember()", audit, schema="audit")
    orders = script.table("orders")
    script.add("TRIGGER", "orders remember", orders, function)
    changes = script.add("TABLE", "changes", audit, schema="audit")
    script.add("SEQUENCE", "changes_id_seq", audit, changes, schema="audit")
    assert script.chosen("orders") == {
        "TABLE orders", "TABLE DATA orders", "TRIGGER orders remember", "FUNCTION remember()", "SCHEMA audit",
    }  # fmt: skip


def test_a_foreign_key_comes_only_with_both_its_tables() -> None:
    script = Script()
    customers = script.table("customers")
    orders = script.table("orders")
    script.add("FK CONSTRAINT", "orders orders_customer_fkey", orders, customers)
    assert "FK CONSTRAINT orders orders_customer_fkey" not in script.chosen("orders")
    assert "TABLE customers" not in script.chosen("orders")
    assert "FK CONSTRAINT orders orders_customer_fkey" in script.chosen("orders", "customers")


def test_a_shared_sequence_comes_with_its_value_and_without_its_other_users() -> None:
    script = Script()
    sequence = script.add("SEQUENCE", "numbers", script.public)
    script.add("SEQUENCE SET", "numbers", sequence)
    orders = script.table("orders")
    script.add("DEFAULT", "orders id", orders, sequence)
    others = script.table("others")
    script.add("DEFAULT", "others id", others, sequence)
    assert script.chosen("orders") == {
        "TABLE orders", "TABLE DATA orders", "DEFAULT orders id", "SEQUENCE numbers", "SEQUENCE SET numbers",
    }  # fmt: skip


def test_a_policy_is_never_left_out_though_it_asks_another_table() -> None:
    script = Script()
    members = script.table("members")
    orders = script.table("orders")
    script.add("POLICY", "orders of_members", orders, members)
    script.add("ROW SECURITY", "orders", orders)
    assert {"POLICY orders of_members", "ROW SECURITY orders", "TABLE members"} <= script.chosen("orders")
    assert script.chosen("members") == {"TABLE members", "TABLE DATA members"}


def test_a_partitioned_table_brings_partitions_of_partitions_and_a_partition_alone_does_not_bring_the_others() -> None:
    script = Script()
    parent, middle, leaf, other = (script.table(name) for name in ("parent", "middle", "leaf", "other"))
    for child, of in ((middle, parent), (leaf, middle), (other, parent)):
        name = next(entry.tag for entry in script.entries if entry.dump_id == child)
        script.add("TABLE ATTACH", name, of, child)
    assert {f"TABLE {name}" for name in ("parent", "middle", "leaf", "other")} <= script.chosen("parent")
    assert script.chosen("leaf") == {"TABLE leaf", "TABLE DATA leaf"}


def test_an_unknown_table_is_refused_with_those_there_are() -> None:
    script = Script()
    script.table("orders")
    with pytest.raises(OptionError, match=r"public\.ordesr is not in this backup.*public\.orders"):
        script.chosen("ordesr")


def test_rows_are_selected_by_name_in_an_archive_of_data() -> None:
    script = Script()
    script.table("orders")
    script.table("others")
    script.add("BLOBS", "BLOBS", schema="")
    chosen = _selection.select_data(script.entries, {"public.orders"})
    assert {entry.tag for entry in script.entries if entry.dump_id in chosen and entry.section == "data"} == {"orders"}


@given(st.data())
def test_whatever_is_chosen_has_all_that_it_depends_on(data: st.DataObject) -> None:
    script = Script()
    ids = [script.public]
    kinds = [
        "TABLE",
        "TYPE",
        "FUNCTION",
        "INDEX",
        "DEFAULT",
        "SEQUENCE",
        "TRIGGER",
        "FK CONSTRAINT",
        "COMMENT",
        "TABLE ATTACH",
        "POLICY",
    ]
    for number in range(data.draw(st.integers(1, 25))):
        kind = data.draw(st.sampled_from(kinds))
        dependencies = data.draw(st.lists(st.sampled_from(ids), max_size=3, unique=True))
        tag = f"t{number}" if kind == "TABLE" else f"t{data.draw(st.integers(0, number))} x{number}"
        ids.append(script.add(kind, tag, *dependencies))
    tables = [entry.qualified_name for entry in script.entries if entry.description == "TABLE"]
    if not tables:
        return
    wanted = data.draw(st.lists(st.sampled_from(tables), min_size=1, unique=True))
    chosen = _selection.select(script.entries, wanted)
    for entry in script.entries:
        if entry.dump_id in chosen:
            assert set(entry.dependencies) <= chosen, entry
    listed = _selection.use_list(script.entries, chosen).splitlines()
    assert [int(line.split(";")[0]) for line in listed] == [
        entry.dump_id for entry in script.entries if entry.dump_id in chosen
    ]
