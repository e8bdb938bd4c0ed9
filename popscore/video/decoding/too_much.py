"""What a walk through a file answers when the file claims more than it can hold."""


class TooMuch(Exception):
    """More than any video needs; the message is the reason, as a part of a sentence."""
