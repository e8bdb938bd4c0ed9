"""The batch on Ray Data: read, score in actors, write. Nothing is distributed here that Ray does not distribute."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext

from popscore.batch import schema, tables
from popscore.batch.destination import Begun
from popscore.batch.needs import ClusterFailed
from popscore.batch.scoring import Job, Scoring
from popscore.batch.sources import Source, as_ids, blocks, rows_per_block
from popscore.batch.writing import WholeFiles, Written
from popscore.cpus import usable_cpus
from popscore.errors import PopscoreError
from popscore.foreign_text import shortened

# Between actors lie addresses and numbers; pictures only where they come as bytes out of Parquet.
_STORE_BYTES = 256 * 2**20
_ANSWER_S, _START_S = 10.0, 60.0
_STARTS = 3
# Of a CPU, for what mostly waits: reading addresses, writing files. Ray gives each task a process, of 100 MB, so
# there are few of these at one time: one for so many actors, and two at least.
_LITTLE, _ACTORS_FOR_ONE = 0.25, 8
# Rows of a block whose pictures are in it: some 64 MB.
_ROWS_WITH_BYTES = 128
_LOOK_EACH_S = 1.0
_ASK = "import sys, ray; print(flush=True); ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class _Count:
    """Counts pictures; an actor."""

    def __init__(self) -> None:
        self._count = 0
        self._first_s: float | None = None

    def add(self, count: int) -> None:
        """So many more."""
        self._first_s = self._first_s or time.time()
        self._count += count

    def first_s(self) -> float | None:
        """When the first ones came, in seconds since 1970."""
        return self._first_s

    def total(self) -> int:
        """All of them."""
        return self._count


def start(address: str | None, workers: int | None) -> int:
    """Start Ray on this machine, or join a cluster.

    Args:
        address: of the cluster, HOST:PORT, or `auto` for the one that this machine belongs to; None for none.
        workers: actors to have; by default one per CPU.

    Returns:
        Actors to have.

    Raises:
        ClusterFailed: it does not answer within 10 s.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address is None:
        count = workers or usable_cpus()
        # One more than actors, so that what takes a little of a CPU does not wait for an actor to end.
        here = {"num_cpus": count + 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
        with _popscore_found():
            _init(address="local", **here, **quiet)
    else:
        _check_answers(address)
        _init(address=address, **quiet)
        cpus = int(ray.cluster_resources().get("CPU", 1))
        count = workers or max(1, min(cpus - 1, cpus * 31 // 32))  # the rest is for reading addresses and writing files
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_consecutive_actor_init_deaths = 20  # killed while they start
    for name in ("ray", "ray.data"):  # errors are told once, by popscore
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return count


@contextlib.contextmanager
def _popscore_found() -> Iterator[None]:
    """Let the processes that start inside import popscore, from a checkout too."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), before)))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _init(**options: Any) -> None:
    """Start Ray, again if need be: on a busy machine it gives up too early."""
    for _ in range(_STARTS):
        try:
            ray.init(**options)
        except Exception as error:  # noqa: BLE001  Ray raises the base class
            failed = error
            ray.shutdown()
        else:
            return
    raise ClusterFailed(
        f"Ray could not be started ({type(failed).__name__}). Look whether memory and disk are free, and try again."
    ) from failed


def stop() -> None:
    """Leave the cluster, or end Ray on this machine."""
    ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself waits for minutes, and then ends Python."""
    said = f"The cluster at {shortened(address)} does not answer"
    if "://" in address:
        raise ClusterFailed(f"{said}: write HOST:PORT, or auto on a machine of the cluster.")
    with subprocess.Popen(  # noqa: S603  Python itself, with an address
        [sys.executable, "-c", _ASK, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    ) as asking:
        timer = threading.Timer(_START_S, asking.kill)
        timer.start()
        try:
            if asking.stdout is not None:
                asking.stdout.readline()  # Ray is imported
            if asking.wait(_ANSWER_S) == 0:
                return
        except subprocess.TimeoutExpired:
            asking.kill()
        finally:
            timer.cancel()
    raise ClusterFailed(f"{said} within {_ANSWER_S:.0f} s. Check the address, and that the machine can reach it.")


def run(
    source: Source,
    begun: Begun,
    job: Job,
    model: bytes,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Written], float | None]:
    """Score what is left of a source.

    Args:
        source: what there is to do.
        begun: where results go.
        job: what is done with each picture.
        model: bytes of the model's file.
        workers: actors.
        on_progress: called with pictures done, and pictures in all, once a second.

    Returns:
        What was written, file by file; and when the first pictures were done, in seconds since 1970.

    Raises:
        PopscoreError: the run stopped; what is written stays.
    """
    tally: Any = ray.remote(num_cpus=0)(_Count).remote()
    sink = WholeFiles(begun)
    found = _rows(source, begun, workers)
    count = max(1, min(workers, source.left // 16 + 1))
    scored = found.map_batches(
        Scoring,
        batch_size=None,
        batch_format="pyarrow",
        zero_copy_batch=True,
        fn_constructor_args=(job, [ray.put(model)], tally),  # in a list: fetched only where the file is not
        # Two blocks at one time: while the last pictures of one are looked at, those of the next are fetched.
        compute=ActorPoolStrategy(
            size=count,
            max_tasks_in_flight_per_actor=3,
            max_concurrent_calls_per_actor=2,
            enable_true_multi_threading=True,
        ),
        num_cpus=1,
    )
    try:
        with _Watching(tally, source.left, on_progress):
            scored.write_datasink(
                sink,
                concurrency=_few(workers),
                ray_remote_args={"num_cpus": _LITTLE, "max_retries": -1, "scheduling_strategy": "SPREAD"},
            )
    except Exception as error:  # whatever Ray wraps around what went wrong in a worker
        raise _own(error) from error
    return sink.written, _first_s(tally)


def _first_s(tally: Any) -> float | None:
    try:
        found: float | None = ray.get(tally.first_s.remote(), timeout=_ANSWER_S)
    except ray.exceptions.RayError:
        return None  # the machine that counts is gone
    return found


def _rows(source: Source, begun: Begun, workers: int) -> Any:
    if source.addresses is not None:
        return ray.data.from_arrow(list(blocks(source, workers)))
    done = ray.put(begun.done)
    columns = [*dict.fromkeys([source.column, source.id_column, *(field.name for field in source.kept)])]
    kept = [field.name for field in source.kept]

    def prepared(rows: Any) -> Any:
        ids = as_ids(rows.column(source.id_column)).combine_chunks()
        what = rows.column(source.column)
        what = what.cast(pa.binary() if source.is_bytes else pa.string())
        made = pa.table(
            [ids, what, *(rows.column(name) for name in kept)],
            names=[schema.ID, tables.CONTENT if source.is_bytes else tables.WHERE, *kept],
        )
        return made.filter(pa.array(~tables.are_in(tables.hashes(ids.to_pylist()), ray.get(done))))

    size = _ROWS_WITH_BYTES if source.is_bytes else rows_per_block(source.left, workers)
    few = _few(workers)
    found = ray.data.read_parquet(
        list(source.files),
        filesystem=source.system,
        columns=columns,
        num_cpus=_LITTLE,
        concurrency=few,
        file_extensions=None,
    )
    found = found.map_batches(prepared, batch_size=None, batch_format="pyarrow", num_cpus=_LITTLE, concurrency=few)
    return found.repartition(target_num_rows_per_block=size)


def _few(workers: int) -> int:
    """Tasks of those that mostly wait, at one time."""
    return max(2, workers // _ACTORS_FOR_ONE)


def _own(error: Exception) -> PopscoreError:
    """The error of popscore behind an error of Ray."""
    waiting: list[BaseException | None] = [error]
    for found in waiting:
        if isinstance(found, PopscoreError) and not isinstance(found, ray.exceptions.RayError):
            return found
        if found is not None and len(waiting) < 50:
            waiting += [getattr(found, "cause", None), found.__cause__, found.__context__]
    return ClusterFailed(f"The run stopped: {type(error).__name__} in Ray. What is written stays; go on with --resume.")


class _Watching:
    """Tells how far the run is, while it runs."""

    def __init__(self, tally: Any, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._tally, self._total, self._on_progress = tally, total, on_progress
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="popscore-progress", daemon=True)

    def __enter__(self) -> None:
        if self._on_progress:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._on_progress:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EACH_S):
            try:
                count = ray.get(self._tally.total.remote(), timeout=5)
            except ray.exceptions.RayError:
                continue  # the machine that counts is gone, or busy
            if self._on_progress:
                self._on_progress(min(count, self._total), self._total)
