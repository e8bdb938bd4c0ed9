"""`python -m popscore`."""

import sys

from popscore.cli import main

if __name__ == "__main__":
    sys.exit(main())
