"""The whole inspection of a recording."""

from tb.inspect.follow import follow_data, follow_reduce, follow_requests
from tb.inspect.inspection import Inspection, Problem
from tb.inspect.network import Network
from tb.inspect.pieces import Pieces
from tb.inspect.recording import Recording
from tb.inspect.sources import Sources, own_channel_flits, own_instructions, own_tile_data
from tb.inspect.transfers import build_transfers

__all__ = ["inspect"]


def inspect(recording: Recording) -> Inspection:
    """Rebuild every transfer of a recording and check it.

    Flits are given to the instructions that put them in and followed through the routers, each against the tree that its own
    header demands; see `tb.inspect.follow` for what is checked on the way, `tb.inspect.transfers` for what is at the end.
    """
    problems: list[Problem] = []
    pieces, first, finished = Pieces(), recording.first, recording.finished
    networks = {name: Network.of(recording, name) for name in ("request", "reduce", "data")}
    sources = Sources(recording, pieces, problems)
    own_instructions(sources, networks["request"], networks["reduce"])
    follow_requests(networks["request"], first, finished, problems)
    follow_reduce(networks["reduce"], first, finished, problems, pieces)
    own_tile_data(sources, networks["data"], networks["reduce"])
    own_channel_flits(sources, networks["data"], networks["request"])
    follow_data(networks["data"], first, finished, problems)
    sources.check()
    transfers = build_transfers(recording, networks, pieces, problems)
    problems.sort(key=lambda problem: (problem.cycle, problem.tile))
    return Inspection(recording, transfers, problems)
