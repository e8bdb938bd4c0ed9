"""The one scorer of the app: loaded in the background, while the page is already up."""

import threading

from popscore.errors import PopscoreError
from popscore.models import LoadedModel, load_model
from popscore.photos.sources import ImageLimits
from popscore.settings import Settings
from popscore.workers.readers import IsolatedScorer, Readers


class ModelDoor:
    """Hands out the scorer, and knows whether handing it out would have to wait.

    Attributes:
        settings: of the app.
        readers: the workers that read what visitors send.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.readers = Readers()
        self._ready = threading.Event()
        self._made: tuple[LoadedModel, IsolatedScorer] | None = None

    def open_in_background(self) -> None:
        """Start loading, and start the workers. What goes wrong is told to whoever asks for the scorer."""
        threading.Thread(target=self._warm_up, name="popscore-model", daemon=True).start()

    @property
    def settled(self) -> bool:
        """Whether `scorer` answers or fails at once."""
        return self._ready.is_set()

    def scorer(self) -> IsolatedScorer:
        """The scorer; waits for the model if it is on its way.

        Raises:
            ModelUnavailable, ModelRefused: there is no model. The next call tries again.
        """
        model = load_model(self.settings)
        if self._made is None or self._made[0] is not model:
            limits = ImageLimits(max_bytes=self.settings.max_image_bytes)
            self._made = model, IsolatedScorer(model, self.readers, limits=limits)
        return self._made[1]

    def _warm_up(self) -> None:
        try:
            self.scorer()
            self.readers.photos.warm_up()
        except PopscoreError:
            pass  # a request that needs the scorer gets the same error, and has a place to show it
        finally:
            self._ready.set()
