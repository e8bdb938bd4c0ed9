"""`python -m popscore`."""

import sys

from popscore.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
