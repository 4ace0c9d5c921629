"""``python -m lsr`` is the command ``lsr``."""

import sys


def main() -> int:
    """Run the command; Ctrl-C while its modules load is told as it is later on."""
    try:
        from lsr.cli.app import main as command
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
