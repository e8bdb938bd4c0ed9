"""A batch from its source to its destination: `popscore.batch`."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from popscore.batch import schema
from popscore.batch.looking import Wanted
from popscore.batch.needs import BatchRefused, ClusterFailed, check_installed
from popscore.batch.summary import BatchSummary
from popscore.foreign_text import shortened
from popscore.models import LoadedModel, load_model
from popscore.photos.sources import ImageLimits
from popscore.settings import Settings
from popscore.workers.readers import PHOTO_SECONDS

if TYPE_CHECKING:
    from popscore.batch.destination import Begun
    from popscore.batch.sources import Source

Address = str | os.PathLike[str]


def batch(
    source: Address,
    *,
    out: Address,
    resume: bool = False,
    overwrite: bool = False,
    embedding: bool = False,
    signature: bool = False,
    faces: bool = False,
    column: str | None = None,
    id_column: str | None = None,
    keep: Sequence[str] = (),
    workers: int | None = None,
    address: str | None = None,
    photo_seconds: float = PHOTO_SECONDS,
    settings: Settings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> BatchSummary:
    """Score all pictures of a folder, of a prefix of a store, or of Parquet, on all CPUs of a machine or a cluster.

    Args:
        source: a folder, `s3://BUCKET/PREFIX`, or Parquet: a file, or a folder or prefix of files with `column`.
        out: a folder or `s3://BUCKET/PREFIX` for Parquet files, see `popscore.batch.schema`.
        resume: go on with a run that was stopped; every row of the source is there once in the end.
        overwrite: delete the results that are at the destination.
        embedding, signature, faces: give these columns too.
        column: of Parquet: paths, addresses in a store, or the bytes of pictures. The only column by default.
        id_column: of Parquet: what names the rows, each another one; `column` by default.
        keep: columns of Parquet that go into the results.
        workers: actors, each with a session of its own; by default one per CPU.
        address: of a Ray cluster, HOST:PORT or `auto`; this machine alone by default.
        photo_seconds: wall time for a picture, after which it fails.
        settings: instead of the environment.
        on_progress: called with pictures done, and pictures in all.

    Returns:
        What was done. Rows that failed are among the results, with their reason.

    Raises:
        BatchMissing: Ray or pyarrow is not installed.
        BatchRefused: source, destination and options do not go together.
        NoPhotosFound: there is nothing to score.
        StoreFailed, ExportFailed: a store or a disk does not take part; what is written stays.
        ClusterFailed: the cluster does not answer, or stopped.
        PopscoreError: the model cannot be had.
    """
    check_installed()
    settings = settings or Settings.from_environment()
    began_s = time.monotonic()
    wanted = Wanted(embedding=embedding, signature=signature, faces=faces)
    model = load_model(settings)
    if embedding and not model.session.has_embedding:
        raise BatchRefused(f"The model {model.info.spec.name} has no embedding. Leave out --embedding.")
    from popscore.batch import destination, sources, stores

    place, target = stores.place(source), stores.place(out)
    parquet = sources.is_parquet(place.address, column)
    if not parquet and (id_column is not None or keep):
        raise BatchRefused("--id and --keep go with Parquet. Name a .parquet file, or a folder of them with --column.")
    options = {
        "source": place.address,
        "column": column,
        "id": id_column,
        "keep": list(keep),
        "max_image_bytes": settings.max_image_bytes,
    }
    taken = {schema.EMBEDDING: embedding, schema.SIGNATURE: signature, schema.FACES: faces}
    columns = [*schema.COLUMNS, *(name for name in schema.ON_REQUEST if taken[name]), *keep]
    # Looked at before the destination is touched.
    nothing = destination.Begun(where=target, run="")
    found = _found(place, nothing, parquet, column, id_column, keep)
    begun = destination.begin(
        target, model=model.info, options=options, columns=columns, resume=resume, overwrite=overwrite
    )
    if len(begun.done):
        found = _found(place, begun, parquet, column, id_column, keep)
    return _run(
        found,
        begun,
        model,
        wanted=wanted,
        limits=ImageLimits(max_bytes=settings.max_image_bytes),
        workers=workers,
        address=address,
        photo_seconds=photo_seconds,
        on_progress=on_progress,
        began_s=began_s,
    )


def _found(
    place: Any,
    begun: "Begun",
    parquet: bool,
    column: str | None,
    id_column: str | None,
    keep: Sequence[str],
) -> "Source":
    from popscore.batch import sources

    if parquet:
        return sources.table(place, begun.done, column=column, id_column=id_column, keep=keep)
    return sources.listed(place, begun.done)


def _run(
    source: "Source",
    begun: "Begun",
    model: LoadedModel,
    *,
    wanted: Wanted,
    limits: ImageLimits,
    workers: int | None,
    address: str | None,
    photo_seconds: float,
    on_progress: Callable[[int, int], None] | None,
    began_s: float,
) -> BatchSummary:
    from popscore.batch import engine, scoring

    written: list[Any] = []
    count, start_s, run_s = 0, 0.0, 0.0
    if source.left:
        job = scoring.Job(
            info=model.info,
            model_file=model.location,
            limits=limits,
            wanted=wanted,
            kept=tuple(source.kept),
            photo_seconds=photo_seconds,
        )
        count = engine.start(address, workers)
        start_s = time.monotonic() - began_s
        try:
            content = model.location.read_bytes()
            written, first_s = engine.run(source, begun, job, content, workers=count, on_progress=on_progress)
            # Until the first pictures were done, actors and models were started.
            run_s = time.time() - first_s if first_s else time.monotonic() - began_s - start_s
            start_s = time.monotonic() - began_s - run_s
        finally:
            engine.stop()
    begun.sweep()
    rows = sum(one.rows for one in written)
    if rows != source.left:
        raise ClusterFailed(
            f"{rows} of {source.left} rows came to {shortened(begun.where.address)}. Go on with --resume."
        )
    errors: Counter[str] = Counter()
    for one in written:
        errors.update(one.errors)
    return BatchSummary(
        model=model.info,
        destination=begun.where.address,
        rows=source.total,
        done_before=source.total - source.left,
        written=rows,
        errors=dict(sorted(errors.items())),
        seconds=run_s,
        start_seconds=start_s,
        cpu_hours=sum(one.cpu_s for one in written) / 3600,
        read_bytes=sum(one.read_bytes for one in written),
        written_bytes=sum(one.written_bytes for one in written),
        workers=count,
        left_out=source.left_out,
    )
