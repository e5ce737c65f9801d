"""Property tests on machines that are busy with other tests: time is no verdict; how simulators are
compiled; and what two workers do first.
"""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

LONG = ("scripts", "tb", "waves", "verify", "hw")
"""Rooms whose tests build simulators, those that others need as well first; the rest is short."""


def pytest_configure(config):
    """Fast tests run simulators for seconds only (`tb.toolchain.SHORT`); with the slow ones,
    everything is compiled as for a user.
    """
    if config.option.markexpr == "not slow":
        os.environ.setdefault("FLATMESH_SHORT_RUNS", "1")


def pytest_collection_modifyitems(config, items):
    """Several workers take long tests first, so that at the end none has a long one left and the
    others nothing. One alone goes from what everything rests on to what rests on it.
    """
    if not hasattr(config, "workerinput"):
        return
    tests = Path(__file__).parent

    def turn(item) -> int:
        room = item.path.relative_to(tests).parts[0]
        if item.path.parent == tests:  # the pages, whose commands are run
            return 0
        return LONG.index(room) if room in LONG else len(LONG)

    items.sort(key=turn)
