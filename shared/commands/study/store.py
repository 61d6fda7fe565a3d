"""The store of a study: one SQLite file, a row for every finished run, written as soon as it is finished.

SQLite, because a transaction is whole or not at all, whatever ends the process; a run's key is unique, so that it is never
counted twice; Python brings it; and every tool reads it.
"""

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from shared.commands.study.grid import Run
from shared.errors import SamenetError

APPLICATION = 0x53414D45
SCHEMA = 1
COLUMNS = {
    "key": "TEXT PRIMARY KEY",
    "implementation": "TEXT NOT NULL",
    "variant": "TEXT NOT NULL",
    "lambd": "REAL",
    "keep_prob": "REAL",
    "learning_rate": "REAL NOT NULL",
    "hidden": "TEXT NOT NULL",
    "num_iterations": "INTEGER NOT NULL",
    "dtype": "TEXT NOT NULL",
    "data": "TEXT NOT NULL",
    "dev_share": "REAL",
    "data_seed": "INTEGER",
    "split_seed": "INTEGER",
    "init_seed": "INTEGER NOT NULL",
    "seed": "INTEGER",
    "status": "TEXT NOT NULL",
    "train_cost": "REAL",
    "train_accuracy": "REAL",
    "dev_cost": "REAL",
    "dev_accuracy": "REAL",
    "test_cost": "REAL",
    "test_accuracy": "REAL",
    "training_cost": "REAL",
    "seconds": "REAL NOT NULL",
    "version": "TEXT NOT NULL",
    "finished": "TEXT NOT NULL",
}
"""Costs are cross-entropies without dropout and penalty; training_cost is the mean of the last that the run recorded."""


class StoreError(SamenetError):
    """The store cannot be used: of another version, damaged, or there is no room."""


def key_of(run: Run, data: str, version: str) -> str:
    """What makes two runs the same run. data: SHA-256 of the data file, or the recipe of the built-in data."""
    return hashlib.sha256(json.dumps([run.flat(), data, version], sort_keys=True).encode()).hexdigest()


class Store:
    """The finished runs in a file; a context manager."""

    def __init__(self, path: Path):
        self.path = path
        with self._errors("opened"):
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            try:
                self._make()
            except BaseException:
                self._connection.close()  # nobody else could
                raise

    def _make(self) -> None:
        """Make the table, where it is not there yet."""
        with self._transaction("DEFERRED"):  # one snapshot: another process may be making it at this moment
            mine = self._is_mine()
        if not mine:
            with self._transaction():
                if not self._is_mine():  # made meanwhile
                    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
                    self._connection.execute(f"CREATE TABLE runs ({columns}) STRICT")
                    self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
                    self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _is_mine(self) -> bool:
        """Whether it is a store already; False where it is empty, StoreError where it is something else."""
        application, schema, tables = (
            self._connection.execute(question).fetchone()[0]
            for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if not tables:
            return False
        if application != APPLICATION:
            raise StoreError(f"{self.path}: expected a study of samenet, found another database: give another --out")
        if schema != SCHEMA:
            raise StoreError(
                f"{self.path}: expected a store of version {SCHEMA}, found version {schema}, written by another samenet: "
                "give another --out, or go on with that samenet"
            )
        columns = [row[1] for row in self._connection.execute("PRAGMA table_info(runs)")]
        if columns != list(COLUMNS):
            raise StoreError(f"{self.path}: expected the columns of a study, found others: give another --out")
        return True

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_) -> None:
        self._connection.close()

    def load(self, keys: Iterable[str]) -> dict[str, dict]:
        """The rows of those of the keys that are kept."""
        wanted = set(keys)
        with self._errors("read"):
            rows = self._connection.execute(f"SELECT {', '.join(COLUMNS)} FROM runs").fetchall()
        return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows if row[0] in wanted}

    def count(self) -> int:
        """How many runs are kept, of whatever study."""
        with self._errors("read"):
            return self._connection.execute("SELECT count(*) FROM runs").fetchone()[0]

    def save(self, rows: Sequence[dict]) -> None:
        """Keep rows, all or none. One that is kept already, by another process, stays as it is."""
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        values = [[(row | {"finished": finished}).get(name) for name in COLUMNS] for row in rows]
        places = ", ".join("?" * len(COLUMNS))
        with self._errors("written"), self._transaction():
            self._connection.executemany(f"INSERT OR IGNORE INTO runs VALUES ({places})", values)

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """DEFERRED to read, IMMEDIATE to write: a reader that turns into a writer may be refused without waiting."""
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            remedy = "every run kept before is still in it: fix that and give the same command again"
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extends it
            if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                remedy = "another program is using it: wait for that, and give the same command again"
            elif kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                remedy = "it is damaged, or no store of a study: put a copy in its place, or give another --out"
            elif what == "opened":
                remedy = "expected the store of a study, or no such file: fix that, or give another --out"
            raise StoreError(f"{self.path} cannot be {what} ({error}); {remedy}") from error


def as_csv(rows: Iterable[dict]) -> bytes:
    """The rows as CSV, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
