"""What the tests of the network share."""

import pytest

from isa.machine import load_machine
from tb.collectives.homes import machine_for


@pytest.fixture(scope="module")
def machine():
    return machine_for(load_machine("mesh8", "4x2"))
