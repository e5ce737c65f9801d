"""The whole inspection of a recording."""

from tb.inspect.channels import own_channel_flits
from tb.inspect.disagreements import told_once, unhalted, unlike_members
from tb.inspect.forks import follow_data, follow_requests
from tb.inspect.inspection import Inspection, Problem
from tb.inspect.joins import follow_reduce
from tb.inspect.network import Network
from tb.inspect.pieces import Pieces
from tb.inspect.recording import Recording
from tb.inspect.sources import Sources, own_instructions, own_tile_data
from tb.inspect.transfers import build_transfers

__all__ = ["inspect"]


def inspect(recording: Recording) -> Inspection:
    """Rebuild every transfer of a recording and check it.

    Flits are given to the instructions that put them in and followed through the routers, each
    against the tree that its own header demands; `tb.inspect.forks` and `tb.inspect.joins` say what
    is checked on the way, `tb.inspect.transfers` what is at the end.
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
