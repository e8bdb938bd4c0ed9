"""The one scorer of the app: loaded in the background, while the page is already up."""

import threading

from popscore.errors import PopscoreError
from popscore.scoring.scorer import Scorer, load_scorer
from popscore.settings import Settings


class ModelDoor:
    """Hands out the scorer, and knows whether handing it out would have to wait."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ready = threading.Event()

    def open_in_background(self) -> None:
        """Start loading. What goes wrong is told to whoever asks for the scorer."""
        threading.Thread(target=self._warm_up, name="popscore-model", daemon=True).start()

    @property
    def settled(self) -> bool:
        """Whether `scorer` answers or fails at once."""
        return self._ready.is_set()

    def scorer(self) -> Scorer:
        """The scorer; waits for the model if it is on its way.

        Raises:
            ModelUnavailable, ModelRefused: there is no model. The next call tries again.
        """
        return load_scorer(self.settings)

    def _warm_up(self) -> None:
        try:
            self.scorer()
        except PopscoreError:
            pass  # a request that needs the scorer gets the same error, and has a place to show it
        finally:
            self._ready.set()
