"""Make the networks that see people: python -m popscore.training.people WHEELS [OUT]."""

import sys
from collections.abc import Sequence

from popscore.training import network_files
from popscore.training.people.convert import MODELS, made


def main(argv: Sequence[str]) -> int:
    """Convert. Returns 0 when all is written, 2 when something is missing."""
    return network_files.run(argv, usage=__doc__, make=made, models=MODELS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
