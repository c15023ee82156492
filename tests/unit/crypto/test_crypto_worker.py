# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge between a function on files and a stream of pieces."""

from __future__ import annotations

import io
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._worker import transform


def copy(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
    while piece := reader.read(8192):
        writer.write(piece)


def test_the_work_runs_in_another_thread_and_the_source_in_this_one(no_thread_stays: None) -> None:
    threads: dict[str, int] = {}

    def work(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
        threads["work"] = threading.get_ident()
        copy(reader, writer)

    def source() -> t.Iterator[bytes]:
        threads["source"] = threading.get_ident()
        yield b"content"

    assert list(transform(work, source(), "copy")) == [b"content"]
    assert threads["source"] == threading.get_ident() != threads["work"]


def test_an_error_of_the_work_comes_out_as_it_is(no_thread_stays: None) -> None:
    failure = ValueError("wrong")

    def work(reader: io.BufferedReader, _writer: io.BufferedWriter) -> None:
        reader.read(1)
        raise failure

    with pytest.raises(ValueError) as caught:
        list(transform(work, iter([bytes(1 << 20)] * 50), "fails"))
    assert caught.value is failure


def test_work_that_ends_before_it_has_read_everything_is_an_error(no_thread_stays: None) -> None:
    def work(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
        writer.write(reader.read(10))

    with pytest.raises(LifeboatError, match="takes ten ended before it had read everything"):
        list(transform(work, iter([bytes(1 << 20)] * 50), "takes ten"))


def test_a_slow_reader_downstream_holds_the_source_back(no_thread_stays: None) -> None:
    given = 0

    def source() -> t.Iterator[bytes]:
        nonlocal given
        for _turn in range(100):
            given += 1
            yield bytes(1 << 20)

    stream = transform(copy, source(), "copy")
    next(stream)
    time.sleep(0.1)
    assert given <= 10
    close(stream)


def test_closing_while_the_inbox_is_full_ends_a_slow_worker(no_thread_stays: None) -> None:
    def work(reader: io.BufferedReader, writer: io.BufferedWriter) -> None:
        while piece := reader.read(1 << 20):
            writer.write(piece)
            time.sleep(0.05)

    stream = transform(work, iter([bytes(2 << 20)] * 50), "slow")
    next(stream)
    close(stream)
