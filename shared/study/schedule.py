"""Where the runs of a study go: processes of this machine, or a Dask cluster; joblib for both."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib

from shared.errors import UsageError
from shared.study.grid import Run
from shared.study.runs import Source, work

ATTEMPTS = 3
"""How often in a row processes may die without finishing anything before what is left is given up."""
ROUND = 4
"""On a cluster, groups per core that are sent off before the next ones: what is finished is kept after each such round."""


def finished(
    groups: list[list[Run]], source: Source, jobs: int, scheduler: str | None
) -> Iterator[tuple[list[Run], list[dict]]]:
    """Train the groups; yield each with its rows as soon as it is finished, in no order.

    A process that dies takes nothing down but what it was at; that is tried again. UsageError where there is no cluster.
    """
    with _cluster(scheduler) as cores:
        for _, same in itertools.groupby(groups, key=lambda group: group[0].implementation):
            # Two frameworks in one process can clash; here, each implementation gets processes of its own.
            yield from _persistent(list(same), source, jobs, cores)
            if cores is None:
                _end_processes()


def _persistent(
    groups: list[list[Run]], source: Source, jobs: int, cores: int | None
) -> Iterator[tuple[list[Run], list[dict]]]:
    waiting = dict(enumerate(groups))
    attempts, reason = 0, ""
    while waiting and attempts < ATTEMPTS:
        attempts += 1
        try:
            for number, rows in _parallel(waiting, source, jobs, cores):
                attempts = 0
                yield waiting.pop(number), rows
        except Exception as error:
            if type(error).__name__ not in ("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker"):
                raise
            reason = f"its process was killed ({type(error).__name__}), {attempts + 1} times in a row"
    for group in waiting.values():
        yield group, [{"error": reason} for _ in group]


def _parallel(
    waiting: dict[int, list[Run]], source: Source, jobs: int, cores: int | None
) -> Iterable[tuple[int, list[dict]]]:
    tasks = [joblib.delayed(work)(number, runs, source) for number, runs in waiting.items()]
    if cores is None:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
            yield from parallel(tasks)
        return
    # joblib's Dask backend hands its results over all at once; in rounds, so that they can be kept meanwhile.
    for start in range(0, len(tasks), ROUND * cores):
        yield from joblib.Parallel(n_jobs=-1, batch_size=1)(tasks[start : start + ROUND * cores])


def _end_processes() -> None:
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


@contextmanager
def _cluster(address: str | None) -> Iterator[int | None]:
    """Connected to the cluster: its cores; None where there is no address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            f"--scheduler: Python package {error.name} is not installed: pip install -r requirements-dask.txt"
        ) from error
    client: Any
    try:
        client = Client(address, timeout=10, set_as_default=True)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler: no Dask scheduler answers at {address!r}: {error or type(error).__name__}"
        ) from error
    with client, joblib.parallel_config("dask", client=client):
        cores = sum(client.nthreads().values())
        if cores == 0:
            raise UsageError(f"--scheduler: {address!r} has no workers; start some: dask worker {address} --nthreads 1")
        yield cores
