"""`make docs`: rewrites every generated part of README and docs from the code and docs/results."""

import argparse

from publish.pages import update
from scripts.front import main


def run() -> int:
    """Rewrite what is not up to date."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name, changed in update().items():
        print(f"{name}: {'rewritten' if changed else 'up to date'}")
    return 0


if __name__ == "__main__":
    main(run)
