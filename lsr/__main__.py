"""``python -m lsr`` is the command ``lsr``."""

import sys

from lsr.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
