"""The whole inspection of a recording."""

from waves.read.recording import Recording
from waves.rebuild.channels import own_channel_flits
from waves.rebuild.disagreements import told_once, unhalted, unlike_members
from waves.rebuild.forks import follow_data, follow_requests
from waves.rebuild.inspection import Inspection, Problem
from waves.rebuild.joins import follow_reduce
from waves.rebuild.network import Network
from waves.rebuild.pieces import Pieces
from waves.rebuild.sources import Sources, own_instructions, own_tile_data
from waves.rebuild.transfers import build_transfers

__all__ = ["inspect"]


def inspect(recording: Recording) -> Inspection:
    """Rebuild every transfer of a recording and check it.

    Flits are given to the instructions that put them in and followed through the routers, each
    against the tree that its own header demands; `waves.rebuild.forks` and `waves.rebuild.joins` say what
    is checked on the way, `waves.rebuild.transfers` what is at the end.
    """
    problems: list[Problem] = []
    pieces, ends = (
        Pieces(),
        (recording.first, recording.last, recording.facts.fifo_depth, recording.over),
    )
    networks = {name: Network.of(recording, name) for name in ("request", "reduce", "data")}
    sources = Sources(recording, pieces, problems)
    own_instructions(sources, networks["request"], networks["reduce"])
    follow_requests(networks["request"], *ends, problems)
    follow_reduce(networks["reduce"], *ends, problems, pieces)
    own_tile_data(sources, networks["data"], networks["reduce"])
    own_channel_flits(sources, networks["data"], networks["request"])
    follow_data(networks["data"], *ends, problems)
    sources.check()
    transfers = build_transfers(recording, networks, pieces, problems)
    problems += [*unlike_members(transfers), *unhalted(recording)]
    return Inspection(recording, transfers, told_once(problems))
