"""Sizes that the model takes from the hardware are the hardware's."""

from hw.control import line_writer
from hw.memory import channel
from hw.network.combine import in_flight
from isa.machine import MACHINES
from model import costs
from model.costs import laws_of


def test_the_queues_of_a_channel():
    assert costs.READ_QUEUE == channel.READ_QUEUE
    assert costs.WRITE_QUEUE == channel.WRITE_QUEUE
    assert costs.OUTPUT_QUEUE == channel.OUTPUT_QUEUE


def test_results_on_their_way_through_a_join():
    for machine in MACHINES.values():
        assert laws_of(machine).results_waiting == in_flight(machine.mesh.adder_stages)


def test_an_ejector_writes_what_waits_as_the_hardware_does():
    assert costs.PATIENCE == line_writer.PATIENCE
