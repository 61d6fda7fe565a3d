"""Where the runs of a study go: processes of this machine (joblib), or the workers of a Dask cluster."""

import itertools
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import joblib

from shared.commands.study.grid import Failed, Run, Scored
from shared.commands.study.runs import Source, version_of, work
from shared.errors import SamenetError, UsageError

ATTEMPTS = 3
"""How often in a row processes may die without finishing anything before what is left is given up."""
PATIENCE = 30
"""Seconds for a scheduler or a worker to answer a question."""

Finished = Iterator[tuple[list[Run], list[Scored | Failed]]]


class ClusterError(SamenetError):
    """The cluster went away."""


def finished(groups: list[list[Run]], source: Source, jobs: int, scheduler: str | None) -> Finished:
    """Train the groups; yield each with what came of its runs as soon as it is finished, in no order.

    A process that dies takes nothing down but what it was at; that is tried again. UsageError where there is no cluster.
    """
    if scheduler is not None:
        yield from _on_cluster(groups, source, scheduler)
        return
    for _, same in itertools.groupby(groups, key=lambda group: group[0].implementation):
        # Two frameworks in one process can clash; each implementation gets processes of its own.
        yield from _on_processes(list(same), source, jobs)
        _end_processes()


def _on_processes(groups: list[list[Run]], source: Source, jobs: int) -> Finished:
    from joblib.externals.loky.process_executor import BrokenProcessPool  # which TerminatedWorkerError is

    # A process that has grown too large is replaced, which is as it should be.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    warnings.filterwarnings("ignore", r".*tasks which were still being processed", UserWarning)  # what ends it is said
    waiting = dict(enumerate(groups))
    attempts = 0
    while waiting and attempts < ATTEMPTS:
        attempts += 1
        try:
            for number, ends in _parallel(waiting, source, jobs):
                attempts = 0
                yield waiting.pop(number), ends
        except BrokenProcessPool:
            continue
    for group in waiting.values():
        yield group, [Failed(f"its process was killed, {ATTEMPTS} times in a row") for _ in group]


def _parallel(waiting: dict[int, list[Run]], source: Source, jobs: int) -> Iterable[tuple[int, list[Scored | Failed]]]:
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        return parallel([joblib.delayed(work)(number, runs, source) for number, runs in waiting.items()])


def _end_processes() -> None:
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def _on_cluster(groups: list[list[Run]], source: Source, address: str) -> Finished:
    # Dask's own futures, not joblib's backend for them: that one hands results over all at once, and where a worker cannot
    # read what it is sent, waits for ever.
    try:
        from distributed import Client, as_completed
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        missing = f"Python package {error.name} is not installed: pip install -r requirements-dask.txt"
        raise UsageError(f"--scheduler: {missing}") from error
    logging.disable(logging.CRITICAL)  # Dask's many loggers; what goes wrong is said here, in one line
    try:
        if not re.fullmatch(r"tcp://[^/]+:\d{1,5}", address):
            raise ValueError("no address")
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler: expected a Dask scheduler at tcp://HOST:PORT, none answers at {address!r}"
        ) from error
    with client:
        _check_workers(client, address, sorted({group[0].implementation for group in groups}))
        [sent] = client.scatter([source], broadcast=True)
        futures = {client.submit(work, n, group, sent, pure=False): group for n, group in enumerate(groups)}
        for future in as_completed(futures, loop=client.loop):
            if future.status == "cancelled" or client.status != "running":
                raise ClusterError(
                    f"the scheduler at {address} went away; what is finished is kept: give the same command again"
                )
            group = futures.pop(future)
            try:
                yield group, future.result()[1]
            except KilledWorker as error:
                reason = f"its workers were killed, the last at {error.last_worker.address}"
                yield group, [Failed(reason) for _ in group]


def _check_workers(client: Any, address: str, implementations: list[str]) -> None:
    """Every worker and the scheduler have this machine's sources and packages; UsageError otherwise."""
    started = f"start the scheduler and the workers with PYTHONPATH at this checkout: dask worker {address} --nthreads 1"
    workers = client.scheduler_info()["workers"]
    if not workers:
        raise UsageError(f"--scheduler: expected workers at {address!r}, found none; {started}")
    own = [version_of(name) for name in implementations]
    try:
        client.submit(version_of, "numpy", pure=False).result(timeout=PATIENCE)  # the scheduler reads it too
        theirs = client.run(_versions, implementations)
    except Exception as error:  # whatever another machine may raise
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"--scheduler: the cluster cannot run this study ({said}); {started}") from error
    for worker, versions in theirs.items():
        if versions != own:
            raise UsageError(
                f"--scheduler: expected this machine's sources and packages at {worker}, found others; {started}"
            )


def _versions(implementations: list[str]) -> list[str]:
    return [version_of(name) for name in implementations]
