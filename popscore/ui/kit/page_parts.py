"""Pieces of HTML that the templates of the pages share, as `${parts.busy}` and the like."""

from popscore.ui.kit.uploads import copies_line, privacy_line

_BUSY = (
    '<div class="ps-busy" role="status" hidden><p class="ps-doing"></p><div class="ps-bar"><i></i></div>'
    '<button type="button" data-do="stop">Stop</button></div>'
)
_LOOKS = {"why": "Why", "crop": "Crop", "try": "What if", "compare": "Compare", "facts": "Facts", "share": "Share"}
_MESSAGE = '<p class="ps-message" role="alert" hidden></p>'


def page_parts(done: str) -> dict[str, str]:
    """The pieces: `privacy` or `copies` for the drop area, `busy` for the bar of work in progress, `message`, `looks`.

    Args:
        done: what the server does with what is dropped, as in `Ranked`.
    """
    return {
        "privacy": privacy_line(done),
        "copies": copies_line(done),
        "busy": _BUSY,
        "message": _MESSAGE,
        "looks": looks_row(without="compare"),
    }


def looks_row(*, without: str = "") -> str:
    """The buttons that open a closer look at a photo, as HTML.

    Args:
        without: a view that is not offered.
    """
    buttons = "".join(
        f'<button type="button" data-do="look" data-view="{view}">{name}</button>'
        for view, name in _LOOKS.items()
        if view != without
    )
    return f'<div class="ps-looks" role="group" aria-label="A closer look">{buttons}</div>'
