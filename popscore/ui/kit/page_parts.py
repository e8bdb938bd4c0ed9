"""Pieces of HTML that the templates of the pages share, as `${parts.busy}` and the like."""

from popscore.ui.kit.uploads import copies_line, privacy_line

_BUSY = (
    '<div class="ps-busy" role="status" hidden><p class="ps-doing"></p><div class="ps-bar"><i></i></div>'
    '<button type="button" data-do="stop">Stop</button></div>'
)
_MESSAGE = '<p class="ps-message" role="alert" hidden></p>'


def page_parts(done: str) -> dict[str, str]:
    """The pieces: `privacy` or `copies` for the drop area, `busy` for the bar of work in progress, `message`.

    Args:
        done: what the server does with what is dropped, as in `Ranked`.
    """
    return {"privacy": privacy_line(done), "copies": copies_line(done), "busy": _BUSY, "message": _MESSAGE}
