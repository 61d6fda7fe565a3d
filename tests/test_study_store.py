"""The store of a study: a run is counted once, and what is kept is never lost."""

import contextlib
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared.commands.study.store import APPLICATION, SCHEMA, Store, StoreError, key_of
from tests.test_study import GRID

ROOT = Path(__file__).resolve().parents[1]


def a_row(run, version="v"):
    return run.flat() | {"key": key_of(run, "data", version), "data": "data", "status": "completed", "train_cost": 0.1,
                         "seconds": 1.0, "version": version}  # fmt: skip


def test_a_run_is_never_counted_twice(tmp_path):
    run, other = GRID.runs()[:2]
    with Store(tmp_path / "s") as one, Store(tmp_path / "s") as two:  # two commands at once
        one.save([a_row(run)])
        two.save([a_row(run) | {"train_cost": 0.2}, a_row(other)])
        kept = one.load([key_of(run, "data", "v"), key_of(other, "data", "v"), "another"])
    assert len(kept) == 2
    assert kept[key_of(run, "data", "v")]["train_cost"] == 0.1
    assert len({key_of(run, data, version) for data in ("a", "b") for version in ("v", "w")}) == 4
    assert len({key_of(run, "data", "v") for run in GRID.runs()}) == len(GRID.runs())


def test_a_store_of_another_version_or_kind_is_left_as_it_is(tmp_path):
    path = tmp_path / "study.sqlite"
    with Store(path) as store:
        store.save([a_row(GRID.runs()[0])])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="expected a store of version 1, found version 99"):
        Store(path)
    assert path.read_bytes() == before

    foreign = tmp_path / "foreign"
    with contextlib.closing(sqlite3.connect(foreign, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="found another database"):
        Store(foreign)
    (tmp_path / "text").write_text("no database at all, but a text of some length" * 100)
    with pytest.raises(StoreError, match=r"file is not a database\); it is damaged"):
        Store(tmp_path / "text")


@pytest.mark.full
def test_processes_that_make_one_store_at_once_all_find_it(tmp_path):
    code = """
import pathlib, sys, time
from shared.commands.study.store import Store
folder = pathlib.Path(sys.argv[1])
(folder / sys.argv[2]).touch()
while len(list(folder.glob("ready*"))) < 4:
    time.sleep(0.001)
for i in range(20):
    Store(folder / f"{i}.sqlite")
"""
    opened = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), f"ready{i}"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for i in range(4)
    ]
    assert [process.communicate()[1] for process in opened] == [""] * 4
    assert [process.returncode for process in opened] == [0] * 4


def test_a_store_that_is_made_while_it_is_looked_at_is_found(tmp_path, monkeypatch):
    import shared.commands.study.store as module

    path, connect, tried = tmp_path / "study.sqlite", sqlite3.connect, list[str]()
    columns = ", ".join(f"{name} {kind}" for name, kind in module.COLUMNS.items())

    def make(statement):
        if statement == "PRAGMA user_version" and not tried:  # the file was empty when the first question was answered
            tried.append(statement)
            locked = contextlib.suppress(sqlite3.OperationalError)  # the other has to wait until the look is over
            with contextlib.closing(connect(path, timeout=0)) as other, locked:
                other.executescript(
                    f"BEGIN IMMEDIATE; CREATE TABLE runs ({columns}) STRICT;"
                    f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; COMMIT"
                )

    def connect_and_make(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(make)
        return connection

    monkeypatch.setattr(module.sqlite3, "connect", connect_and_make)
    with Store(path) as store:
        assert store.count() == 0
    assert tried


def test_a_store_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    import shared.commands.study.store as module

    monkeypatch.setattr(module, "SCHEMA", "no number;")
    with pytest.raises(StoreError):
        Store(tmp_path / "study.sqlite")
    monkeypatch.undo()
    with Store(tmp_path / "study.sqlite") as store:
        assert store.count() == 0


def test_a_store_in_use_or_of_other_columns_says_so(tmp_path, monkeypatch):
    path = tmp_path / "study.sqlite"
    with Store(path) as store:
        store._connection.execute("PRAGMA busy_timeout = 10")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreError, match="another program is using it: wait"):
                store.count()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("ALTER TABLE runs RENAME COLUMN dev_cost TO cost")
    with pytest.raises(StoreError, match="expected the columns of a study"):
        Store(path)


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path):
    path = tmp_path / "study.sqlite"
    runs = replace(GRID, init_seeds=range(400), seeds=[1]).runs()
    with Store(path) as store:
        store.save([a_row(run) for run in runs[:10]])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(
            StoreError, match=r"cannot be written \(database or disk is full\); every run kept before is still"
        ):
            store.save([a_row(run) for run in runs[10:]])
    with Store(path) as store:
        assert len(store.load(key_of(run, "data", "v") for run in runs)) == 10
        store.save([a_row(run) for run in runs[10:]])
        assert len(store.load(key_of(run, "data", "v") for run in runs)) == len(runs)
