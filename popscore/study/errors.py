"""What can go wrong in a study. Messages are shown to those who take part, so they name no photo."""

from popscore.errors import PopscoreError


class StudyUnavailable(PopscoreError, OSError):
    """The pairs, the photos or the file of answers cannot be had now; the next try may succeed."""


class StudyRefused(PopscoreError, ValueError):
    """What was asked for does not fit the session: a pair that was not asked, an answer that cannot be changed."""


class UnknownSession(StudyRefused):
    """There is no session of this name."""

    def __init__(self) -> None:
        super().__init__("This session is not known here. Begin a new one.")


class SessionEnded(StudyRefused):
    """The session is over: its time, or its person has ended it."""

    def __init__(self) -> None:
        super().__init__("This session has ended. Its summary is all that is left of it; begin a new one.")
