"""From what a client sends for a photo or a video to a file among the uploads.

A client sends an upload, as `{"path": ...}` with or without Gradio's `meta`, or an address, as a string or in the
place of the path. Gradio would fetch the address itself wherever it finds one, without a limit of bytes or time, so
what is sent goes through here before Gradio sees it.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gradio.data_classes import GradioModel, GradioRootModel

from popscore.photos.sources import NamedPhoto
from popscore.settings import Settings
from popscore.ui.kit.addresses import Downloader
from popscore.ui.kit.data_addresses import is_data_address, written_in
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.public_network import Deadline, TimeIsUp
from popscore.ui.kit.uploads import check_count
from popscore.ui.kit.web_places import is_web_address

PHOTO, VIDEO = "photo", "video"
# For all addresses of one call, and how many of them are fetched at a time.
ALL_S = 120.0
_AT_ONCE = 4


class SentFile(GradioModel):
    """A file among the uploads, without the `meta` by which Gradio would know it, and fetch or copy it."""

    path: str | None = None
    orig_name: str | None = None


class SentFiles(GradioRootModel):
    """Many of them."""

    root: list[SentFile]


class Arrivals:
    """Puts what was sent among the uploads. Its answers are what the inputs' `preprocess` gets, as JSON.

    Args:
        settings: the limits, and whether addresses are fetched.
        downloader: instead of one that fetches from the public internet.
    """

    def __init__(self, settings: Settings, downloader: Downloader | None = None) -> None:
        self._settings, self._downloader = settings, downloader or Downloader()
        self._most_bytes = {PHOTO: settings.max_image_bytes, VIDEO: settings.max_video_bytes}

    def one(self, sent: Any, thing: str) -> Any:
        """What was sent as one photo or video; None where nothing was.

        Args:
            thing: PHOTO or VIDEO.

        Raises:
            gr.Error: it is neither upload nor address, or the address cannot be had.
        """
        return self._arrived(sent, thing, None)

    def many(self, sent: Any, thing: str) -> Any:
        """What was sent as a list of them; they are counted before the first is fetched.

        Raises:
            gr.Error: as for one, or there are too many, or together they take too long.
        """
        if sent is None:
            return None
        sent = sent if isinstance(sent, list) else [sent]
        check_count(len(sent), self._settings.max_files)
        deadline = Deadline(ALL_S)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="popscore-fetch") as pool:
            tasks = [pool.submit(self._arrived, file, thing, deadline) for file in sent]
            try:
                arrived = [task.result() for task in tasks]
            finally:  # after the first that cannot be had no other is begun
                pool.shutdown(wait=False, cancel_futures=True)
        if None in arrived:
            raise refusal(f"One {thing} of the list holds nothing. Send it again, or leave it out.")
        return arrived

    def _arrived(self, sent: Any, thing: str, deadline: Deadline | None) -> Any:
        if sent is None:
            return None
        if isinstance(sent, str):
            address, name = sent, None
        elif isinstance(sent, dict):
            path, url, name = (_text(sent.get(key)) for key in ("path", "url", "orig_name"))
            address = path or url or ""
            if not address:  # what a cleared photo looks like
                return None
            if path and not is_web_address(path) and not is_data_address(path):
                return {"path": path, "orig_name": name}
        else:
            address = ""
        found = self._found(address, thing, deadline)
        return {"path": str(found.location), "orig_name": found.name}

    def _found(self, address: str, thing: str, deadline: Deadline | None) -> NamedPhoto:
        most_bytes = self._most_bytes[thing]
        if is_data_address(address):
            return written_in(address, thing=thing, max_bytes=most_bytes)
        if not is_web_address(address):
            raise refusal(f"A {thing} is sent as an upload, or as an https: or data: address. Send it in one of these.")
        if not self._settings.fetch_addresses:
            raise refusal(f"This server takes no addresses of the web. Upload the {thing}.")
        try:
            most_s = deadline.left_s() if deadline else None
        except TimeIsUp:
            raise refusal(f"The addresses take longer than {ALL_S:.0f} s together. Send fewer at a time.") from None
        return self._downloader.fetch(address, thing=thing, max_bytes=most_bytes, most_s=most_s)


def holds_an_address(sent: Any) -> bool:
    """Whether somewhere in what was sent lies a file of Gradio's with an address, which Gradio would fetch."""
    left = [sent]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "meta" in value and is_web_address(_text(value.get("path")) or ""):
                return True
            left.extend(value.values())
        elif isinstance(value, (list, tuple)):
            left.extend(value)
    return False


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
