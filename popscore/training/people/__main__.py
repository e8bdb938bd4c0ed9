"""Make the networks that see people: python -m popscore.training.people WHEELS [OUT]."""

import sys
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.training.people.convert import MODELS, convert_all


def main(argv: list[str]) -> int:
    """Convert. Returns 0 when all is written, 2 when something is missing."""
    if not 1 <= len(argv) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        convert_all(Path(argv[0]), Path(argv[1]) if len(argv) == 2 else MODELS)
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
