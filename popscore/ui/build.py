"""Puts the tabs together, and launches the app with its settings."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from popscore.errors import PopscoreError
from popscore.settings import Settings
from popscore.ui.api import add_endpoints
from popscore.ui.bad_requests import RefuseBadRequests
from popscore.ui.hosts import OwnHosts, in_front_of_all
from popscore.ui.kept_messages import keep_messages
from popscore.ui.kit.address_blocks import AddressBlocks
from popscore.ui.kit.assets import asset, shared_scripts, styles
from popscore.ui.kit.banks import MOST_BYTES, Banks
from popscore.ui.kit.looks import Looks
from popscore.ui.kit.model_badge import failed_badge, model_badge, waiting_badge
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_folder import OwnFolder
from popscore.ui.kit.own_scores import OwnScores
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.seen_pictures import SeenPictures
from popscore.ui.kit.sent_files import Arrivals
from popscore.ui.kit.study_door import StudyDoor
from popscore.ui.kit.tastes import Tastes
from popscore.ui.kit.uploads import bank_line
from popscore.ui.kit.visits import Visits
from popscore.ui.page_requests import WatchedPageRequests
from popscore.ui.quiet_log import keep_log_short
from popscore.ui.routes import OnlyServedRoutes
from popscore.ui.tabs.rank import build_rank_tab
from popscore.ui.tabs.score import build_score_tab
from popscore.ui.tabs.study import build_study_tab
from popscore.ui.tabs.video import build_video_tab
from popscore.ui.theme import popscore_theme

_QUEUE_SIZE = 200
_MOST_SESSIONS = 500

_TOP = '<h1 class="ps-name">popscore</h1><p class="ps-ask">Which picture will people like most?</p>'
_FOOT = (
    '<footer class="ps-foot"><button type="button">Use it from code</button>'
    '<a href="https://arxiv.org/abs/1907.01985">The research behind popscore</a></footer>'
)
# Gradio opens its page about the API from a footer of its own, which the style sheet hides.
_OPEN_API_JS = """
element.querySelector('button').addEventListener('click', () => document.querySelector('button.show-api')?.click());
"""


class Demo(AddressBlocks):
    """The app, with what has to begin and to end with it."""

    door: ModelDoor
    visits: Visits

    def end(self) -> None:
        """Leave nothing behind: no worker and no file."""
        self.door.readers.close()
        self.visits.close()


def build_demo(settings: Settings | None = None, folder: OwnFolder | None = None) -> Demo:
    """Build the app and start loading its model in the background.

    Args:
        settings: instead of the environment.
        folder: for the files of visitors, instead of a new one.

    Raises:
        InvalidSetting: an environment variable cannot be used.
    """
    settings = settings or Settings.from_environment()
    door = ModelDoor(settings)
    visits = Visits(folder or OwnFolder())  # before anything of Gradio is made, which asks where files go
    remembered = RememberedScores()
    banks, pictures = Banks(door, visits), SeenPictures(door, visits)
    looks = Looks(door, visits, banks)
    study = StudyDoor(door) if settings.study_pairs is not None else None
    demo = Demo(title="popscore", analytics_enabled=False, fill_width=True)
    demo.door, demo.visits, demo.arrivals = door, visits, Arrivals(settings)
    with demo:
        _build_top(door, demo, banks)
        with gr.Tabs(elem_classes="ps-tabs"):
            with gr.Tab("Score"):
                build_score_tab(door, visits, looks, OwnScores(door, visits, banks, pictures))
            with gr.Tab("Rank"):
                build_rank_tab(door, visits, remembered, looks, Tastes(door, visits, banks, pictures))
            with gr.Tab("Video"):
                build_video_tab(door, visits, banks)
            if study is not None:
                with gr.Tab("Study"):
                    build_study_tab(study)
        gr.HTML(_FOOT, label="Foot", js_on_load=_OPEN_API_JS)
        add_endpoints(door, visits, remembered, study)
        demo.unload(_ending(visits))
    demo.queue(max_size=_QUEUE_SIZE)
    keep_messages(demo._queue)
    door.open_in_background()
    if study is not None:
        study.open_in_background()
    return demo


def _ending(visits: Visits) -> Callable[[gr.Request], None]:
    """What is called when a page is closed."""

    def ended(request: gr.Request) -> None:
        visits.ended(request.session_hash)

    return ended


def _open(hosts: OwnHosts) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """What goes on while the server runs: strangers are kept out, and what is old is swept."""

    @asynccontextmanager
    async def lifespan(server: Any) -> AsyncIterator[None]:
        demo = server.get_blocks()
        lists = (demo.upload_file_set, *demo.temp_file_sets)
        threading.Thread(
            target=demo.visits.sweep_until_closed, args=(lists,), name="popscore-sweeper", daemon=True
        ).start()
        async with in_front_of_all(hosts)(server):
            try:
                yield
            finally:
                demo.end()

    return lifespan


def _build_top(door: ModelDoor, demo: Demo, banks: Banks) -> None:
    """The name of the app, the memory bank that is in use, and the model that answers, as soon as it is known."""

    async def show_model() -> AsyncIterator[str]:
        if not door.settled:
            yield waiting_badge()
        while not door.settled:
            await asyncio.sleep(0.2)
        try:
            yield model_badge((await asyncio.to_thread(door.scorer)).model)
        except PopscoreError as error:
            yield failed_badge(error)

    with gr.Row(elem_classes="ps-top"):
        gr.HTML(_TOP)
        gr.HTML(
            "",
            html_template=asset("bank.html"),
            js_on_load=asset("bank.js"),
            server_functions=banks.page_functions(),
            label="Memory bank",
            elem_id="bank",
            elem_classes="ps-bank",
            parts={"keeps": bank_line()},
            limits={"bytes": min(MOST_BYTES, _max_file_size(door.settings))},
        )
        badge = gr.HTML(waiting_badge(), label="Model", elem_id="model", elem_classes="ps-model")
    demo.load(show_model, None, badge, api_visibility="private", show_progress="hidden", concurrency_limit=None)


def _max_file_size(settings: Settings) -> int:
    """The largest upload, in bytes."""
    return max(settings.max_image_bytes, settings.max_video_bytes)


def launch_options(settings: Settings | None = None) -> dict[str, Any]:
    """How the app is launched: no statistics, no requests to other servers, no address and no name but its own."""
    settings = settings or Settings.from_environment()
    return {
        "theme": popscore_theme(),
        "css": styles(),
        "head": shared_scripts(),
        "footer_links": ["api"],
        "run_history": False,
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        # Photos have a smaller limit of their own, which is checked with a message beside the photo.
        "max_file_size": _max_file_size(settings),
        "mcp_server": True,
        "pwa": False,
        "share": False,
        # Gradio asks its own page once more and gives up after 3 s, with a message about sharing: a slow or busy
        # machine would not start. That the server answers it has seen before, from /startup-events, without a limit.
        "_frontend": False,
        "app_kwargs": {
            "lifespan": _open(OwnHosts.here(settings.hosts)),
            "middleware": [
                Middleware(OnlyServedRoutes),
                Middleware(RefuseBadRequests, max_image_bytes=settings.max_image_bytes),
                Middleware(WatchedPageRequests),
            ],
        },
        # Gradio keeps 10,000, of 40 to 65 kB each. A page that has lost its place gets a new one.
        "state_session_capacity": _MOST_SESSIONS,
    }


def launch(demo: Demo | None = None) -> None:
    """Serve the app until it is stopped, by Ctrl-C or by SIGTERM, and leave nothing behind.

    Args:
        demo: from `build_demo`; by default built here.
    """
    keep_log_short()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as after Ctrl-C
    demo = demo or build_demo()
    try:
        demo.launch(**launch_options())
    finally:
        demo.end()
