"""Transfers from messages and the flits that belong to them: members, hops, completion, bounds, and
what is missing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from isa.geometry import Rectangle, TileXY
from isa.instructions import ReduceOp
from waves.read.recording import Facts, Recording
from waves.rebuild.inspection import Hop, Problem, Transfer
from waves.rebuild.messages import Message, Messages
from waves.rebuild.network import NetworkFlits

__all__ = ["build_transfers"]

Arrivals = dict[int, dict[TileXY, tuple[int, int]]]
"""Of each transfer, for each tile: words that arrived, and the cycle of the last."""


def build_transfers(
    recording: Recording,
    networks: Mapping[str, NetworkFlits],
    messages: Messages,
    problems: list[Problem],
) -> list[Transfer]:
    """All transfers, in the order of issue; what is known of messages (their flits, problems)
    becomes known of them.
    """
    groups: dict[int, list[Message]] = {}
    for number, message in enumerate(messages.all):
        if message.header:
            groups.setdefault(messages.group(number), []).append(message)
    ranked = sorted(
        groups, key=lambda group: (max(message.issued for message in groups[group]), group)
    )
    numbers = _numbers(messages, ranked)
    for network in networks.values():
        network.transfers = [numbers[owners] for owners in network.owners]
    problems[:] = [replace(p, transfer=_number(numbers, p.message)) for p in problems]

    transfers = [
        _describe(recording.facts, number, groups[group]) for number, group in enumerate(ranked)
    ]
    _add_hops(networks, transfers)
    _ease_bounds(recording.facts, networks["data"], transfers)
    arrivals = _arrivals(networks, transfers)
    for transfer, group in zip(transfers, ranked, strict=True):
        _complete(recording, transfer, groups[group], arrivals[transfer.number], problems)
    return transfers


def _numbers(messages: Messages, ranked: Sequence[int]) -> NDArray[np.int32]:
    """Number of each message's transfer; at the end -1, for flits without a message."""
    numbers = np.full(len(messages.all) + 1, -1, np.int32)
    for number, group in enumerate(ranked):
        numbers[group] = number
    numbers[:-1] = numbers[[messages.group(number) for number in range(len(messages.all))]]
    return numbers


def _number(numbers: NDArray[np.int32], message: int | None) -> int | None:
    return None if message is None or numbers[message] < 0 else int(numbers[message])


def _describe(facts: Facts, number: int, members: Sequence[Message]) -> Transfer:
    """What instructions and headers say of a transfer."""
    message = members[0]
    header = message.header
    area = Rectangle(header["x0"], header["y0"], header["x1"], header["y1"])
    kind, op, root, words = message.kind, None, message.tile, max(message.words, 0)
    if kind == "reduce":
        kind = "allreduce" if header["turn"] else "reduce"
        op, root = ReduceOp(header["op"]).name.lower(), (header["root_x"], header["root_y"])
    elif kind in ("load", "store"):
        root = header["x"], header["y"]
    elif kind == "signal":
        words = 0
    issued = {message.tile: message.issued for message in members if message.issued >= 0}
    return Transfer(
        number,
        message.tag,
        kind,
        op,
        root,
        area,
        words,
        words * facts.word_bytes,
        issued,
        bound=_bound(facts, kind, root, area, words),
    )


def _bound(
    facts: Facts, kind: str, root: TileXY, area: Rectangle, words: int, queued: int = 0
) -> int:
    """Hops to or from the farthest tile, and a cycle a word, or what the HBM channel takes for
    those that are not yet `queued`.
    """
    far = max((abs(x - root[0]) + abs(y - root[1]) for x, y in area.tiles()), default=0)
    # A channel can save up for almost two words.
    served = max(
        words - 1, ceil(((words - 2 - queued) * facts.word_bytes + 1) / facts.hbm_bytes_per_cycle)
    )
    return {
        "put": far + words,
        "reduce": far + words,
        "allreduce": 2 * far + words,
        "load": far + 1 + served,
        "store": far + words,
    }.get(kind, 0)


def _add_hops(networks: Mapping[str, NetworkFlits], transfers: Sequence[Transfer]) -> None:
    """What every transfer did on every link, from the transfers of the flits."""
    for network in networks.values():
        for link, place in enumerate(network.links):
            taken, owners = network.taken[link], network.transfers[link]
            mine = np.flatnonzero((taken >= 0) & (owners >= 0))
            mine = mine[np.argsort(owners[mine], kind="stable")]
            starts = np.flatnonzero(np.diff(owners[mine], prepend=-1))
            if not len(mine):
                continue
            columns = (
                owners[mine][starts],
                np.diff(starts, append=len(mine)),
                np.minimum.reduceat(taken[mine], starts),
                np.maximum.reduceat(taken[mine], starts),
                np.add.reduceat(network.fork_wait[link][mine], starts),
                np.add.reduceat(network.join_wait[link][mine], starts),
                np.add.reduceat((taken - network.offered[link])[mine], starts),
                np.minimum.reduceat(network.offered[link][mine], starts),
            )
            for owner, *found in zip(*(column.tolist() for column in columns), strict=True):
                transfers[owner].hops.append(Hop(place, *found))
    for transfer in transfers:
        transfer.hops.sort(
            key=lambda hop: (hop.first, hop.link.network, hop.link.tile, hop.link.port)
        )


def _ease_bounds(facts: Facts, data: NetworkFlits, transfers: Sequence[Transfer]) -> None:
    """Loads whose first word follows right behind another's: the channel may have had some words
    ready by then.
    """
    for link, place in enumerate(data.links):
        if place.port.startswith("hbm_"):
            offered, taken, owners = data.offered[link], data.taken[link], data.transfers[link]
            behind = (
                (offered[1:] == taken[:-1] + 1) & (owners[1:] != owners[:-1]) & (owners[1:] >= 0)
            )
            for t in (transfers[owner] for owner in owners[1:][behind].tolist()):
                t.bound = _bound(facts, t.kind, t.root, t.rectangle, t.words, facts.channel_queue)


def _arrivals(networks: Mapping[str, NetworkFlits], transfers: Sequence[Transfer]) -> Arrivals:
    """Words that left the networks: into tiles, and those of stores into the channels, which stand
    for their tiles.
    """
    found: Arrivals = {transfer.number: {} for transfer in transfers}
    for name, network in networks.items():
        turns = network.column("turn") if name == "reduce" else None
        for link, place in enumerate(network.links):
            if network.enters[link] is not None:
                continue
            arrived = (network.taken[link] >= 0) & (network.transfers[link] >= 0)
            if turns is not None:
                arrived &= turns[network.ids[link]] == 0
            pairs = zip(
                network.transfers[link][arrived].tolist(),
                network.taken[link][arrived].tolist(),
                strict=True,
            )
            for owner, cycle in pairs:
                if (name == "request") == (transfers[owner].kind == "store"):
                    counted, last = found[owner].get(place.tile, (0, -1))
                    found[owner][place.tile] = counted + 1, max(last, cycle)
    return found


def _complete(
    recording: Recording,
    transfer: Transfer,
    members: Sequence[Message],
    arrived: dict,
    problems: list[Problem],
) -> None:
    """Fill in when it began and ended, and whether all of it was seen; note what is missing or too
    much.
    """
    transfer.completed = {tile: last for tile, (_, last) in sorted(arrived.items())}
    seen = [hop.last for hop in transfer.hops]
    transfer.begin = min([*transfer.issued.values(), *(hop.first for hop in transfer.hops)])
    transfer.end = max(transfer.completed.values(), default=max(seen, default=transfer.begin))
    transfer.start = max(transfer.issued.values(), default=-1)
    if transfer.kind == "load":
        transfer.start = min(
            (hop.offered for hop in transfer.hops if hop.link.port.startswith("hbm_")), default=-1
        )
    transfer.cut = any(message.issued < 0 for message in members)
    if transfer.cut:
        return
    wrong = list(_wrong(transfer, members, arrived, recording.over))
    problems += [
        Problem(transfer.end, transfer.root, f"{transfer.name}: {what}", transfer.number)
        for what in wrong
    ]
    transfer.whole = not list(_wrong(transfer, members, arrived, True))


def _receivers(transfer: Transfer) -> dict[TileXY, int]:
    """Words that each tile has to get."""
    if transfer.kind in ("reduce", "store"):
        return {transfer.root: transfer.words}
    return dict.fromkeys(
        transfer.rectangle.tiles(), 1 if transfer.kind == "signal" else transfer.words
    )


def _wrong(
    transfer: Transfer, members: Sequence[Message], arrived: dict, over: bool
) -> Iterator[str]:
    """Tiles that took part or were served too often, or if it is over, too little."""
    wanted = _receivers(transfer)
    for tile in sorted({*wanted, *arrived}):
        got, all_of_it = arrived.get(tile, (0, 0))[0], wanted.get(tile, 0)
        if got > all_of_it or (over and got < all_of_it):
            yield f"{got} of {all_of_it} words arrived at ({tile[0]},{tile[1]})"
    if "reduce" in transfer.kind:
        took = Counter(message.tile for message in members)
        for tile in sorted({*took, *transfer.rectangle.tiles()}):
            expected = int(tile in transfer.rectangle)
            if took[tile] > expected or (over and took[tile] < expected):
                yield f"({tile[0]},{tile[1]}) contributed {took[tile]} times instead of {expected}"
