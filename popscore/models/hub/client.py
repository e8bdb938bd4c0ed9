"""huggingface_hub, started and told to be quiet. Imported only where the Hub is asked for something."""

import os
import re
from types import ModuleType

SHA256 = re.compile(r"[0-9a-f]{64}")


class ClientUnusable(Exception):
    """huggingface_hub does not start; the message gives the reason and the next step."""


def started() -> ModuleType:
    """The library, which costs a cold start of the embedded model nothing.

    Raises:
        ClientUnusable: it is not installed, or an HF_* variable holds a value that it cannot use.
    """
    try:
        # The constants, which read HF_* variables, come first: an error in them would otherwise be printed to
        # standard output.
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except (ImportError, ValueError) as error:
        raise ClientUnusable(f"huggingface_hub does not start ({error}). Check the HF_* variables.") from error
    # It would ask the Hub for a list of AI agents once a day, even for a file in the cache.
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    if "HF_HUB_VERBOSITY" not in os.environ:
        # popscore says in one line what became of it
        huggingface_hub.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    return huggingface_hub
