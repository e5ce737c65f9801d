"""The whole inspection of a recording."""

from waves.read.recording import Recording
from waves.rebuild.channels import assign_channel_flits
from waves.rebuild.disagreements import told_once, unhalted, unlike_members
from waves.rebuild.forks import follow_data, follow_requests
from waves.rebuild.inspection import Inspection, Problem
from waves.rebuild.joins import follow_reduce
from waves.rebuild.messages import Messages
from waves.rebuild.network import NetworkFlits
from waves.rebuild.senders import Senders, assign_instructions, assign_tile_data
from waves.rebuild.transfers import build_transfers

__all__ = ["inspect"]


def inspect(recording: Recording) -> Inspection:
    """Rebuild every transfer of a recording and check it.

    Flits are given to the instructions that put them in and followed through the routers, each
    against the tree that its own header demands; `waves.rebuild.forks` and `waves.rebuild.joins`
    say what is checked on the way, `waves.rebuild.transfers` what is at the end.
    """
    problems: list[Problem] = []
    messages = Messages()
    networks = {name: NetworkFlits.of(recording, name) for name in ("request", "reduce", "data")}
    senders = Senders(recording, messages, problems)
    assign_instructions(senders, networks["request"], networks["reduce"])
    follow_requests(networks["request"], recording, problems)
    follow_reduce(networks["reduce"], recording, problems, messages)
    assign_tile_data(senders, networks["data"], networks["reduce"])
    assign_channel_flits(senders, networks["data"], networks["request"])
    follow_data(networks["data"], recording, problems)
    senders.check()
    transfers = build_transfers(recording, networks, messages, problems)
    problems += [*unlike_members(transfers), *unhalted(recording)]
    return Inspection(recording, transfers, told_once(problems))
