"""Reads photos and videos in workers: the same answers as without, and an error of the file where a worker gives up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from popscore.cpus import usable_cpus
from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage, UnreadableVideo
from popscore.models import LoadedModel
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named
from popscore.scoring.scorer import Candidate, Content, Look, Scorer
from popscore.video import VideoLimits, VideoRanking
from popscore.workers import tasks
from popscore.workers.pool import Pool
from popscore.workers.worker import NobodyWaits, TaskFailed, TookTooLong, WorkerEnded

Cancelled = Callable[[], bool]
Read = TypeVar("Read")
Arguments = ParamSpec("Arguments")

# Wall time. The largest photos that the limits allow take 3 s of an idle CPU.
PHOTO_SECONDS = 20.0
FRAME_SECONDS = 8.0
# A frame of 8K takes half a second; a worker that has not finished one for so long hangs.
_SILENT_SECONDS = 60.0
_SPARE_PHOTO_WORKERS = 3
# Of photos that are not JPEG, which have to be decoded whole. Larger ones take half a second and more: they have
# workers of their own, behind which nobody waits who has an ordinary photo.
_QUICK_PIXELS = 26_000_000
_VIDEO_WORKERS, _FRAME_WORKERS = 2, 1
# Videos take minutes and nobody watches each second of it, so photos go before.
_LARGE_NICE, _VIDEO_NICE, _FRAME_NICE = 5, 5, 5
_MOST_FRAMES_WAITING = 16
# A closer look at one photo takes up to `looks.SECONDS`; these have workers of their own, so that scores do not wait.
LOOK_SECONDS = 20.0
_LOOK_NICE, _MOST_LOOKS_WAITING = 5, 32


class Readers:
    """The workers of an app: for photos, for videos, for single frames, and for closer looks. Threads may share it."""

    def __init__(self) -> None:
        cpus = usable_cpus()
        self.photos = Pool(cpus, spare=_SPARE_PHOTO_WORKERS, warm=cpus + 1)
        self.large = Pool(cpus, nice=_LARGE_NICE)
        self.videos = Pool(_VIDEO_WORKERS, nice=_VIDEO_NICE)
        self.frames = Pool(_FRAME_WORKERS, nice=_FRAME_NICE, most_waiting=_MOST_FRAMES_WAITING)
        self.looks = Pool(cpus, nice=_LOOK_NICE, most_waiting=_MOST_LOOKS_WAITING)

    def close(self) -> None:
        """End all workers."""
        for pool in (self.photos, self.large, self.videos, self.frames, self.looks):
            pool.close()

    def preview(
        self, photo: NamedPhoto, side: int, limits: ImageLimits, cancelled: Cancelled | None = None
    ) -> bytes | None:
        """A small picture of a photo as a WebP file; None where none can be made. See `previews.preview`.

        Args:
            cancelled: asked often; once it answers True there is no picture.
        """
        try:
            return self.read(
                limits,
                lambda pool, allowed: pool.call(
                    tasks.show_photo,
                    (photo.location, photo.name, side, allowed),
                    seconds=PHOTO_SECONDS,
                    cancelled=cancelled,
                ),
            )
        except (PopscoreError, WorkerEnded, TookTooLong, NobodyWaits, TaskFailed):
            return None

    def read(self, limits: ImageLimits, ask: Callable[[Pool, ImageLimits], Read]) -> Read:
        """Have a photo read by quick workers, or if it is too large for these, by those for large photos.

        Args:
            limits: of the photo.
            ask: asks the workers that it is given, with the limits that it is given.

        Raises:
            ImageTooLarge: the photo is larger than the limits allow.
            Exception: what `ask` raises.
        """
        most = min(limits.max_decoded_pixels, _QUICK_PIXELS)
        try:
            return ask(self.photos, replace(limits, max_decoded_pixels=most))
        except ImageTooLarge:
            if most == limits.max_decoded_pixels:
                raise
        return ask(self.large, limits)

    def look(
        self,
        scorer: "IsolatedScorer",
        task: Callable[..., Read],
        photo: NamedPhoto,
        *arguments: object,
        cancelled: Cancelled | None = None,
    ) -> Read:
        """Have a closer look at a photo.

        Args:
            scorer: gives the model and the limits.
            task: of `popscore.workers.looks`.
            photo: a file.
            arguments: what the task gets behind the name of the photo.
            cancelled: asked often; once it answers True the look is given up.

        Raises:
            UnreadableImage: also where the worker gave up, or was told to.
            PopscoreError: what the task raised, or too many wait already.
        """
        with told(photo.short_name, UnreadableImage):
            return self.looks.call(
                task,
                (scorer.file, scorer.limits, photo.location, photo.name, *arguments),
                seconds=LOOK_SECONDS,
                cancelled=cancelled,
            )

    def rank_video(
        self,
        scorer: "IsolatedScorer",
        video: tasks.VideoTask,
        side: int,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled | None = None,
    ) -> tuple[VideoRanking, list[bytes | None]]:
        """The best frames of a video, see `rank_video`, and a small WebP of each that was written.

        Args:
            side: of the small pictures, in pixels.
            on_progress, cancelled: as of `rank_video`; but what is cancelled has no ranking.

        Raises:
            UnreadableVideo: also where the worker gave up, or was told to.
            PopscoreError: as `rank_video`.
        """
        with told(video.name, UnreadableVideo):
            return self.videos.call(
                tasks.rank_frames,
                (scorer.file, video, side),
                seconds=video.limits.max_seconds + _SILENT_SECONDS,
                silent_seconds=_SILENT_SECONDS,
                on_progress=on_progress,
                cancelled=cancelled,
            )

    def frame(
        self, video: NamedPhoto, index: int, side: int, limits: VideoLimits, cancelled: Cancelled | None = None
    ) -> bytes | None:
        """A small picture of one frame of a video as a WebP file; None if there is none.

        Raises:
            UnreadableVideo: also where the worker gave up.
            PopscoreError: as `frame_images`, or too many wait already.
        """
        with told(video.short_name, UnreadableVideo):
            return self.frames.call(
                tasks.show_frame, (video.location, index, side, limits), seconds=FRAME_SECONDS, cancelled=cancelled
            )

    def save_frame(
        self, video: NamedPhoto, index: int, folder: Path, limits: VideoLimits, cancelled: Cancelled | None = None
    ) -> Path | None:
        """Write one frame of a video into a folder as JPEG in full size; None if there is no such frame.

        Raises:
            UnreadableVideo: also where the worker gave up.
            PopscoreError: as `save_frame`, or too many wait already.
        """
        with told(video.short_name, UnreadableVideo):
            return self.frames.call(
                tasks.write_frame,
                (video.location, video.name, index, folder, limits),
                seconds=FRAME_SECONDS,
                cancelled=cancelled,
            )


class IsolatedScorer(Scorer):
    """A scorer that reads photos, which have to be files, in workers.

    A photo by itself goes before the photos of a gallery.

    Args:
        model: that the workers score with too, from its file.
        readers: the workers.
        limits: as of `Scorer`.

    Attributes:
        file: what a worker needs to make the same scorer.
    """

    def __init__(self, model: LoadedModel, readers: Readers, *, limits: ImageLimits) -> None:
        super().__init__(model, limits=limits)
        self.file = tasks.ScorerFile(model.location, model.info)
        self._readers = readers
        for pool in (readers.photos, readers.large, readers.videos, readers.looks):
            pool.first = (tasks.make_scorer, (self.file,))

    def candidate(self, photo: PhotoSource | NamedPhoto) -> Candidate:
        """Score one photo at once. Errors as `Scorer.score`."""
        photo = named(photo)
        return self._candidate(photo.name, self._read(photo, hurry=True))

    def content(self, photo: NamedPhoto) -> Content:
        """Find out all there is about the content of a photo, when it is its turn. Errors as `Scorer.score`."""
        return self._read(photo, hurry=False)

    def content_with(self, photo: NamedPhoto, look: Look[Read], *, hurry: bool = False) -> tuple[Content, Read]:
        """As `content`, and something else that a worker finds out with it, see `Scorer.content_with`."""
        with told(photo.short_name, UnreadableImage):
            return self._readers.read(
                self.limits,
                lambda pool, allowed: pool.call(
                    tasks.score_photo_with,
                    (self.file, allowed, photo.location, photo.name, look),
                    seconds=PHOTO_SECONDS,
                    hurry=hurry,
                ),
            )

    def look(
        self,
        photo: NamedPhoto,
        task: Callable[Concatenate[NamedPhoto, ImageLimits, Arguments], Read],
        *arguments: Arguments.args,
        **named_ones: Arguments.kwargs,
    ) -> Read:
        """Have something else found out about a photo in a worker, when it is its turn. Errors as `Scorer.look`.

        Raises:
            TypeError: an argument has a name; workers get them by their order.
        """
        if named_ones:
            raise TypeError("arguments of a look have no names")
        with told(photo.short_name, UnreadableImage):
            found: Read = self._readers.read(
                self.limits,
                lambda pool, allowed: pool.call(
                    tasks.look_at,
                    (task, allowed, photo.location, photo.name, *arguments),
                    seconds=PHOTO_SECONDS,
                ),
            )
            return found

    def _read(self, photo: NamedPhoto, *, hurry: bool) -> Content:
        with told(photo.short_name, UnreadableImage):
            return self._readers.read(
                self.limits,
                lambda pool, allowed: pool.call(
                    tasks.score_photo,
                    (self.file, allowed, photo.location, photo.name),
                    seconds=PHOTO_SECONDS,
                    hurry=hurry,
                ),
            )


@contextmanager
def told(name: str, kind: type[PopscoreError]) -> Iterator[None]:
    """Tell a worker that gave up as an error of the file that it was reading.

    Args:
        name: of the file, in messages.
        kind: of the error.
    """
    try:
        yield
    except TookTooLong:
        reason = "it takes too long to read. Save it again, as JPEG or in a smaller size."
        if kind is UnreadableVideo:
            reason = "it takes too long to read. Cut it shorter, or convert it to H.264."
    except WorkerEnded:
        reason = "reading it took more memory than there is, or broke the decoder. Save it again in another format."
    except TaskFailed:
        reason = "popscore failed on it, which is a fault of popscore. Save it again in another format."
    except NobodyWaits:
        reason = "it was stopped."
    else:
        return
    raise kind(f"{name} could not be read: {reason}")
