"""`make machine`: a machine as TOML, to change and to give back as MACHINE=mine.toml."""

import sys

from scripts.front import main
from scripts.options import machine_of, target_parser


def run() -> int:
    """Print it."""
    sys.stdout.write(machine_of(target_parser("machine", __doc__).parse_args()).to_toml())
    return 0


if __name__ == "__main__":
    main(run)
