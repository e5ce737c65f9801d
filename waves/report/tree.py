"""The order in which a picture shows the links of a transfer: along its tree, from the senders to
the receivers.
"""

from collections.abc import Iterator

from waves.rebuild.inspection import Hop, Transfer

__all__ = ["STAGES", "followers", "in_tree_order"]

STAGES = ("request", "reduce", "data")
"""Networks in the order in which a transfer takes them: an answer follows its request, a turned
result its reduction.
"""


def followers(hops: list[Hop]) -> list[list[int]]:
    """For each hop, the hops that carry its flits on in the same network."""
    leaving: dict[tuple, list[int]] = {}
    for index, hop in enumerate(hops):
        if _is_onward(hop):
            leaving.setdefault((hop.link.network, hop.link.tile), []).append(index)
    return [
        []
        if hop.link.port == "eject"
        else [i for i in leaving.get((hop.link.network, _end(hop)), []) if i != index]
        for index, hop in enumerate(hops)
    ]


def in_tree_order(transfer: Transfer) -> list[tuple[int, int]]:
    """Index and depth of every hop, each once: a spreading tree from its source down, a joining one
    from its leaves on.
    """
    order: list[tuple[int, int]] = []
    after = followers(transfer.hops)
    before: list[list[int]] = [[] for _ in after]
    for index, nexts in enumerate(after):
        for other in nexts:
            before[other].append(index)
    for network in STAGES:
        mine = [index for index, hop in enumerate(transfer.hops) if hop.link.network == network]
        seen: set[int] = set()
        joining = network == "reduce"
        graph, against = (before, after) if joining else (after, before)
        starts = [index for index in mine if not against[index]]
        walked = [found for start in starts + mine for found in _walk(graph, start, 0, seen)]
        order += reversed(walked) if joining else walked
    return order


def _walk(
    graph: list[list[int]], start: int, depth: int, seen: set[int]
) -> Iterator[tuple[int, int]]:
    """Depth first, without recursion: a tree may be as deep as the mesh is wide."""
    stack = [(start, depth)]
    while stack:
        index, deep = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        yield index, deep
        stack += [(other, deep + 1) for other in reversed(graph[index])]


def _is_onward(hop: Hop) -> bool:
    """Whether the link leads out of a router."""
    return hop.link.port != "inject" and not hop.link.port.startswith("hbm_")


def _end(hop: Hop) -> tuple[int, int]:
    """Tile of the router at the link's end."""
    return hop.link.to if _is_onward(hop) else hop.link.tile
