"""Files and objects: where they are, what is in them, and how they are written whole.

A store is asked again where its answer may be another one the next time: it is too busy, breaks the connection, or
sends less than the object has. Keys come from the environment alone; an address that holds some is refused, and what
a store says in its errors is never repeated, because it may name them.
"""

import contextlib
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs

from popscore.batch.needs import BatchRefused, StoreFailed
from popscore.errors import ExportFailed, ImageTooLarge, UnreadableImage
from popscore.files.atomic import failure, make_folder
from popscore.foreign_text import shortened
from popscore.photos.sources import NamedPhoto
from popscore.settings import BYTES_PER_MB

S3 = "s3://"
# Asked up to 8 times, after .2 s, .4 s, … and 12.8 s at most, each less by chance up to a half: 25 s in all. A store
# that throttles wants fewer requests, and workers that wait for the same time would come back all at once.
TRIES, _FIRST_WAIT_S = 8, 0.2
_CONNECT_S, _ANSWER_S = 5.0, 20.0
# Words of pyarrow's errors that say that the answer will be the same the next time.
_FOR_EVER = ("NO_SUCH", "NoSuch", "ACCESS_DENIED", "AccessDenied", "INVALID_ACCESS_KEY", "SIGNATURE", "HTTP Status 40")
_AGAIN = ("HTTP Status 408", "HTTP Status 429", "REQUEST_TIME", "SLOW_DOWN", "THROTTL")
_NO_RIGHTS = ("ACCESS_DENIED", "AccessDenied", "INVALID_ACCESS_KEY", "SIGNATURE", "Status 401", "Status 403")
_NO_BUCKET = ("NO_SUCH_BUCKET", "NoSuchBucket")
Given = TypeVar("Given")


@dataclass(frozen=True)
class Place:
    """A folder or file, or a prefix or object of a store.

    Attributes:
        address: as it was given.
        path: what its file system calls it.
        is_local: it lies in the file system of the machine.
    """

    address: str
    path: str
    is_local: bool

    @property
    def short(self) -> str:
        """What to call it in messages."""
        return shortened(self.address)

    @property
    def tries(self) -> int:
        """How often it is asked: a disk once, a store as often as may help."""
        return 1 if self.is_local else TRIES

    def file_system(self, *, patient: bool = False) -> Any:
        """Where it lies; made anew in each process, from its environment.

        Args:
            patient: asks again by itself; otherwise that is up to `asked`.
        """
        return fs.LocalFileSystem() if self.is_local else s3(self.path.partition("/")[0], patient=patient)

    def inside(self, name: str) -> str:
        """The path of something in it."""
        return f"{self.path.rstrip('/')}/{name}"


def place(address: str | os.PathLike[str]) -> Place:
    """Where an address leads.

    Raises:
        BatchRefused: to no place that popscore knows, or it holds keys.
    """
    text = os.fspath(address)
    if text.startswith(S3):
        path = text.removeprefix(S3).rstrip("/")
        bucket = path.partition("/")[0]
        if "@" in bucket or ":" in bucket:
            raise BatchRefused(
                "An address of a store must not hold keys. Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if not bucket:
            raise BatchRefused(f"{shortened(text)} names no bucket. Write s3://BUCKET/PREFIX.")
        return Place(text, path, is_local=False)
    if "://" in text:
        kind = shortened(text.partition("://")[0])
        raise BatchRefused(f"Addresses that begin with {kind}:// are not known. Name a folder, or s3://BUCKET/PREFIX.")
    return Place(text, str(Path(text).absolute()), is_local=True)


def s3(bucket: str, *, patient: bool = False) -> Any:
    """The store that the environment names: AWS_ENDPOINT_URL, AWS_REGION and the keys, as other tools read them.

    Args:
        bucket: whose region is looked up where the environment names none.
        patient: asks again by itself, for readers that do not ask by `asked`.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not region:
        region = "us-east-1" if endpoint else asked(lambda: fs.resolve_s3_region(bucket), f"{S3}{bucket}")
    scheme, _, host = endpoint.rpartition("://")
    return fs.S3FileSystem(
        endpoint_override=host or None,
        scheme=scheme or "https",
        region=region,
        connect_timeout=_CONNECT_S,
        request_timeout=_ANSWER_S,
        allow_delayed_open=True,  # a small object is one request, not three
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=TRIES if patient else 1),
    )


def asked(ask: Callable[[], Given], address: str, *, tries: int = TRIES) -> Given:
    """What a store answers, asked again while the answer may still change.

    Raises:
        StoreFailed: it did not answer, or there is no such bucket, or no right to it.
        FileNotFoundError: there is no such object.
    """
    for number in range(tries):
        if number:
            time.sleep(_FIRST_WAIT_S * 2 ** (number - 1) * random.uniform(0.5, 1))  # noqa: S311  no secret
        try:
            return ask()
        except OSError as error:
            said = str(error)
            if any(word in said for word in _NO_BUCKET):
                raise StoreFailed(f"There is no bucket for {shortened(address)}. Check its name.") from None
            if isinstance(error, PermissionError) or any(word in said for word in _NO_RIGHTS):
                raise StoreFailed(
                    f"The store gives no right to {shortened(address)}. Check the keys in the environment."
                ) from None
            lasting = any(word in said for word in _FOR_EVER) and not any(word in said for word in _AGAIN)
            if isinstance(error, FileNotFoundError) or (lasting and "NO_SUCH" in said):
                raise FileNotFoundError(shortened(address)) from None
            if lasting:
                break
    raise StoreFailed(
        f"The store did not give or take {shortened(address)}, asked {number + 1} times. Try again later."
    ) from None


# --- reading ------------------------------------------------------------------------------------------


class Cut(OSError):
    """Less came than the object has."""


def read_object(system: Any, path: str, *, max_bytes: int) -> bytes:
    """All bytes of an object of a store.

    Raises:
        UnreadableImage: there is no such object.
        ImageTooLarge: it has more bytes than allowed.
        StoreFailed: the store did not give it.
    """
    name = NamedPhoto(b"", path).short_name

    def read() -> bytes:
        with system.open_input_file(path) as file:
            size = file.size()
            if size > max_bytes:
                raise ImageTooLarge(
                    f"{name} is too large: {size / BYTES_PER_MB:.1f} MB, the limit is {max_bytes / BYTES_PER_MB:g} MB. "
                    "Save it smaller, or raise POPSCORE_MAX_IMAGE_MB."
                )
            content = bytes(file.read(size))
        if len(content) != size:
            raise Cut
        return content

    try:
        return asked(read, f"{S3}{path}")
    except FileNotFoundError:
        raise UnreadableImage(f"{name} could not be read: there is no such file. Check the path.") from None


def files_below(where: Place) -> Iterator[Any]:
    """What lies in a folder or under a prefix, one folder after the other, hidden ones left out.

    Yields:
        pyarrow FileInfo of files.

    Raises:
        StoreFailed, FileNotFoundError: as `asked`.
    """
    # Patient: a long listing is many answers, and one that fails must not begin it anew.
    system, waiting = where.file_system(patient=True), [where.path]
    while waiting:
        folder = waiting.pop()
        selector = fs.FileSelector(folder, recursive=False)
        found = asked(partial(system.get_file_info, selector), where.address, tries=min(where.tries, 2))
        found.sort(key=lambda one: one.path, reverse=True)
        for info in reversed(found):
            if info.type == fs.FileType.File:
                yield info
        waiting += [one.path for one in found if one.type == fs.FileType.Directory and one.base_name[:1] not in "._"]


# --- writing ------------------------------------------------------------------------------------------


def write_whole(
    where: Place, name: str, content: bytes | pa.Buffer, *, before: Callable[[], None] | None = None
) -> None:
    """Write a file of a destination whole or not at all; one of that name is replaced.

    A store shows an object when its last byte has come. On a disk the file gets its name when it is whole.

    Args:
        where: the destination.
        name: of the file.
        content: of the file.
        before: called right before the file appears; what it raises leaves nothing behind.

    Raises:
        ExportFailed, StoreFailed: it was not written.
    """
    if not where.is_local:
        system = where.file_system()

        def put() -> None:
            with system.open_output_stream(where.inside(name)) as stream:
                stream.write(content)

        if before:
            before()
        asked(put, f"{where.address}/{name}")
        return
    temporary = Path(where.inside(f".popscore-{secrets.token_hex(8)}.tmp"))
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if before:
            before()
        temporary.replace(where.inside(name))
    except ExportFailed:
        raise
    except OSError as error:
        raise failure(shortened(f"{where.address}/{name}"), error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_small(where: Place, name: str) -> bytes | None:
    """All bytes of a small file of a destination; None where there is none.

    Raises:
        StoreFailed, ExportFailed: it cannot be read.
    """
    system = where.file_system()

    def read() -> bytes:
        with system.open_input_file(where.inside(name)) as file:
            content = bytes(file.read())
            if len(content) != file.size():
                raise Cut
            return content

    try:
        return asked(read, f"{where.address}/{name}", tries=where.tries)
    except FileNotFoundError:
        return None
    except StoreFailed:
        if where.is_local:
            raise ExportFailed(f"{where.short} cannot be read. Check its permissions.") from None
        raise


def delete(where: Place, name: str) -> None:
    """Delete a file of a destination, if it is there."""
    system = where.file_system()
    with contextlib.suppress(FileNotFoundError):
        asked(lambda: system.delete_file(where.inside(name)), f"{where.address}/{name}", tries=where.tries)


def make(where: Place) -> None:
    """Make a folder on this machine; a prefix of a store needs none.

    Raises:
        ExportFailed: it cannot be made, or is a file.
    """
    if where.is_local:
        make_folder(Path(where.path))
