"""``python -m lsr``: the command line."""

from lsr.cli.app import main

if __name__ == "__main__":
    main()
