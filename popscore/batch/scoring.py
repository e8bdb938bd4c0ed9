"""What an actor of a batch does: gets pictures, has each looked at by a worker process of its own, fills a table.

The worker process has limits of memory and of time, see `popscore.workers`: a picture that hangs or wants all memory
costs a process, and becomes a row with an error. What an actor fetches, the process reads from the actor's memory,
so a picture is fetched once, and nothing is left on a disk by an actor that is killed.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from popscore.batch import schema, stores, tables
from popscore.batch.looking import Seen, Wanted, look, look_all, told
from popscore.batch.needs import StoreFailed
from popscore.errors import PopscoreError, ScoringFailed, UnreadableImage
from popscore.models.spec import ModelInfo
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.results import scored_photo
from popscore.workers import readers, tasks
from popscore.workers.worker import NobodyWaits, TaskFailed, TookTooLong, Worker, WorkerEnded

# Fetched at one time, and ahead of the one that is looked at: with 25 ms a picture, a store may take half a second.
_FETCHERS = 24
# Where the store gives nothing any more, the run ends and can go on later, instead of filling the rows with errors.
_FEW_ROWS, _MOST_FAILED = 8, 0.5
_TELL_EACH_S = 2.0
# Pictures that a worker process is given at one time: each time it waits until the actor is awake, which takes long
# on a busy machine. Together they may take as long as one may; if not, or if the process ends, each is looked at alone.
_AT_ONCE = 8
Given = TypeVar("Given")
# A picture that ends a worker process so often is given up; so are worker processes that do not come up.
_TRIES, _STARTS = 3, 5


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is done with every picture.

    Attributes:
        info: of the model.
        model_file: where the machine that started the batch has it.
        limits: bytes and pixels to accept.
        wanted: besides scores.
        kept: names of columns of the source that go into the result.
        photo_seconds: wall time for a picture.
    """

    info: ModelInfo
    model_file: Path
    limits: ImageLimits
    wanted: Wanted
    kept: Any = ()
    photo_seconds: float = readers.PHOTO_SECONDS


class Scoring:
    """One worker process with one session, and those who fetch for it. Two threads may share it.

    Args:
        job: what to do.
        model: a reference to the bytes of the model's file, in a list.
        tally: a Ray actor that counts pictures; None where nobody looks.
    """

    def __init__(self, job: Job, model: list[Any], tally: Any = None) -> None:
        self._job, self._tally = job, tally
        self._model = model
        self._file: tasks.ScorerFile | None = None
        self._schema = tables.output_schema(job.wanted, job.kept)
        self._worker: Worker | None = None
        self._taking_turns = threading.Lock()
        self._systems: dict[str, Any] = {}
        self._fetchers = ThreadPoolExecutor(_FETCHERS, thread_name_prefix="popscore-fetch")
        self._told_s, self._untold = 0.0, 0

    def __call__(self, block: Any) -> Any:
        """A table with a row for each row of a block.

        Raises:
            StoreFailed: the store gave hardly anything.
        """
        began_s, rows = time.thread_time(), _Rows(self._job)
        with contextlib.closing(self._fetched(block)) as fetched:
            while some := list(islice(fetched, _AT_ONCE)):
                photos = [found for _, found in some if not isinstance(found, PopscoreError)]
                seen = iter(self._looked(photos))
                for ident, found in some:
                    if isinstance(found, PopscoreError):
                        rows.add(ident, (None, told(found), None, None, 0.0), 0)
                    else:
                        rows.add(ident, *next(seen))
                self._tell(len(some))
        self._tell(0)
        rows.check_store()
        table = rows.table(self._schema, block, time.thread_time() - began_s)
        with self._taking_turns:
            if self._worker is not None and self._worker.is_alive and self._worker.has_grown():
                self._worker.kill()
        return table

    # --- fetching -----------------------------------------------------------------------------------

    def _fetched(self, block: Any) -> Generator[tuple[str, "NamedPhoto | PopscoreError"]]:
        """Each row's id, and its picture: a path of this machine, or bytes."""
        ids = block.column(schema.ID)
        places = block.column(tables.WHERE) if tables.WHERE in block.column_names else None
        contents = block.column(tables.CONTENT) if tables.CONTENT in block.column_names else None
        waiting: deque[tuple[str, Future[NamedPhoto | PopscoreError] | NamedPhoto | PopscoreError]] = deque()
        try:
            for row in range(block.num_rows):
                ident = ids[row].as_py()
                if contents is not None:
                    waiting.append((ident, NamedPhoto(contents[row].as_py() or b"", ident)))
                elif places is not None:
                    waiting.append((ident, self._begun(places[row].as_py() or "", ident)))
                if len(waiting) > _FETCHERS:
                    yield _ended(waiting.popleft())
            while waiting:
                yield _ended(waiting.popleft())
        finally:
            for _, found in waiting:
                if isinstance(found, Future):
                    found.cancel()

    def _begun(self, address: str, ident: str) -> "Future[NamedPhoto | PopscoreError] | NamedPhoto | PopscoreError":
        try:
            if not address:
                raise UnreadableImage(f"{NamedPhoto(b'', ident).short_name} could not be read: it has no address.")
            where = stores.place(address)
        except PopscoreError as error:
            return error
        if where.is_local:
            return NamedPhoto(where.path, address)
        return self._fetchers.submit(self._object, where)

    def _object(self, where: stores.Place) -> "NamedPhoto | PopscoreError":
        try:
            bucket = where.path.partition("/")[0]
            if bucket not in self._systems:
                self._systems[bucket] = where.file_system()
            content = stores.read_object(self._systems[bucket], where.path, max_bytes=self._job.limits.max_bytes)
            return NamedPhoto(content, where.address)
        except PopscoreError as error:
            return error

    # --- looking ------------------------------------------------------------------------------------

    def _looked(self, photos: Sequence[NamedPhoto]) -> list[tuple[Seen, int]]:
        """What is found out about pictures, and their bytes."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(_as_file(photo)) for photo in photos]
            pictures = [(path, photo.name) for (path, _), photo in zip(files, photos, strict=True)]
            try:
                found: list[Seen] = self._with_worker(look_all, pictures)
            except (WorkerEnded, TookTooLong, TaskFailed):  # one of them is to blame, or nobody
                found = [self._alone(path, photo) for (path, _), photo in zip(files, photos, strict=True)]
            return [(seen, size) for seen, (_, size) in zip(found, files, strict=True)]

    def _alone(self, path: Path, photo: NamedPhoto) -> Seen:
        """What is found out about one picture."""
        ended: Exception = WorkerEnded()
        for _ in range(_TRIES):
            try:
                return self._with_worker(look, path, photo.name)
            except WorkerEnded as error:
                ended = error  # by this picture, or by somebody who ended the process while it had this picture
            except (TookTooLong, TaskFailed) as error:
                ended = error
                break
        return _given_up(photo, ended)

    def _with_worker(self, task: Callable[..., Given], *pictures: object) -> Given:
        job = self._job
        with self._taking_turns:
            worker, file = self._ready()
            found: Given = worker.do(
                task,
                (file, job.limits, *pictures, job.wanted),
                seconds=job.photo_seconds,
                silent_seconds=job.photo_seconds,
                cancelled=None,
                on_progress=None,
            )
            return found

    def _ready(self) -> tuple[Worker, tasks.ScorerFile]:
        """A worker process that has loaded the model: what ends it before is no picture's fault."""
        if self._file is None:
            self._file = tasks.ScorerFile(_file_here(self._job, self._model), self._job.info)
        if self._worker is not None and self._worker.is_alive:
            return self._worker, self._file
        for _ in range(_STARTS):
            worker = self._worker = Worker(first=(tasks.make_scorer, (self._file,)))
            with contextlib.suppress(WorkerEnded):
                worker.do(tasks.nothing, (), seconds=60, silent_seconds=60, cancelled=None, on_progress=None)
                return worker, self._file
        raise ScoringFailed("A worker process ended each time while it loaded the model. Look how much memory is free.")

    def _tell(self, count: int) -> None:
        self._untold += count
        now_s = time.monotonic()
        if self._tally is not None and self._untold and (not count or now_s - self._told_s > _TELL_EACH_S):
            self._tally.add.remote(self._untold)
            self._told_s, self._untold = now_s, 0


class _Rows:
    """The rows of a block, as they come."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._columns: dict[str, list[Any]] = {
            name: []
            for name in (*schema.COLUMNS, *schema.ON_REQUEST, tables.CPU_S, tables.BYTES)
            if name != schema.MODEL_SHA256
        }

    def add(self, ident: str, seen: Seen, size: int) -> None:
        """A picture that was looked at."""
        content, error, embedding, faces, cpu_s = seen
        values: dict[str, Any] = {schema.ID: ident, schema.ERROR: error, tables.CPU_S: cpu_s, tables.BYTES: size}
        if content is not None:
            sides = content.width, content.height
            photo = scored_photo(ident, content.score, sides, self._job.info.spec)
            values |= {
                schema.SCORE: photo.score,
                schema.PERCENTILE: photo.percentile,
                schema.LABEL: photo.label,
                schema.WIDTH: photo.width,
                schema.HEIGHT: photo.height,
                schema.EMBEDDING: None if embedding is None else np.frombuffer(embedding, "f4").astype("f2"),
                schema.SIGNATURE: content.signature,
                schema.FACES: faces,
            }
        for name, column in self._columns.items():
            column.append(values.get(name))

    def check_store(self) -> None:
        """Raise StoreFailed where the store gave hardly anything."""
        errors = self._columns[schema.ERROR]
        failed = [one for one in errors if one and schema.kind_of(one) == StoreFailed.__name__]
        if len(failed) >= _FEW_ROWS and len(failed) > _MOST_FAILED * len(errors):
            raise StoreFailed(failed[0].partition(": ")[2])

    def table(self, wanted: Any, block: Any, own_cpu_s: float) -> Any:
        """All rows, with the columns kept from the block."""
        count = len(self._columns[schema.ID])
        self._columns[tables.CPU_S] = [one + own_cpu_s / count for one in self._columns[tables.CPU_S]]
        arrays = []
        for field in wanted:
            if field.name == schema.MODEL_SHA256:
                arrays.append(pa.array([self._job.info.sha256] * count, field.type))
            elif field.name in self._columns:
                arrays.append(pa.array(self._columns[field.name], field.type))
            else:
                arrays.append(block.column(field.name).cast(field.type))
        hidden = [
            pa.array(self._columns[tables.CPU_S], pa.float64()),
            pa.array(self._columns[tables.BYTES], pa.int64()),
        ]
        return pa.table([*arrays, *hidden], names=[*wanted.names, tables.CPU_S, tables.BYTES])


def _ended(one: tuple[str, Any]) -> tuple[str, "NamedPhoto | PopscoreError"]:
    ident, found = one
    return ident, found.result() if isinstance(found, Future) else found


def _given_up(photo: NamedPhoto, error: Exception) -> Seen:
    try:
        with readers.told(photo.short_name, UnreadableImage):
            raise error
    except PopscoreError as said:
        return None, told(said), None, None, 0.0
    except NobodyWaits:
        raise


@contextlib.contextmanager
def _as_file(photo: NamedPhoto) -> Iterator[tuple[Path, int]]:
    """A path by which another process of this machine reads a picture, and its bytes."""
    if not isinstance(photo.source, bytes):
        size = 0
        with contextlib.suppress(OSError, ValueError):  # told when it is read
            size = photo.location.stat().st_size
        yield photo.location, size
        return
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(prefix="popscore-") as file:
            file.write(photo.source)
            file.flush()
            yield Path(file.name), len(photo.source)
        return
    number = os.memfd_create("popscore")
    try:
        with open(number, "wb", closefd=False) as memory:
            memory.write(photo.source)
        yield Path(f"/proc/{os.getpid()}/fd/{number}"), len(photo.source)
    finally:
        os.close(number)


def _file_here(job: Job, model: list[Any]) -> Path:
    """The model's file on this machine; the worker process checks its hash."""
    if job.model_file.is_file() and hashlib.sha256(job.model_file.read_bytes()).hexdigest() == job.info.sha256:
        return job.model_file
    import ray

    here = Path(tempfile.gettempdir()) / f"popscore-{os.getuid() if hasattr(os, 'getuid') else 0}"
    here.mkdir(mode=0o700, exist_ok=True)
    path = here / f"{job.info.sha256}.onnx"
    if not path.is_file():
        with tempfile.NamedTemporaryFile(dir=here, delete=False) as file:
            file.write(ray.get(model[0]))
        Path(file.name).replace(path)
    return path
