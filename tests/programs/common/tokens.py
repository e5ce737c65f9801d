"""Programs played with tokens in small queues."""

from collections import deque

from isa.geometry import OPPOSITE, STEP
from isa.packets import Port
from isa.routes import reduction_tree


class Tokens:
    """Reductions in a network of small queues, moved one step at a time in random order: does it
    come to an end?
    """

    def __init__(self, orders, reductions, length, depth):
        self.trees, self.depth = [reduction_tree(*one) for one in reductions], depth
        self.sources = {
            t: deque((n, i) for n in order for i in range(length)) for t, order in orders.items()
        }
        self.queues = {}
        self.left = len(reductions) * length

    def queue(self, x, y, port):
        return self.queues.setdefault((x, y, port), deque())

    def moves(self):
        for (x, y), source in self.sources.items():
            if source and len(self.queue(x, y, Port.LOCAL)) < self.depth:
                yield x, y, None
        for (x, y, _), queue in list(self.queues.items()):
            if queue:
                joined, out = self.trees[queue[0][0]][x, y]
                heads = [self.queues.get((x, y, p), ()) for p in joined]
                if all(h and h[0] == queue[0] for h in heads) and (
                    out == Port.LOCAL or len(self.target(x, y, out)) < self.depth
                ):
                    yield x, y, queue[0]

    def target(self, x, y, out):
        return self.queue(x + STEP[out][0], y + STEP[out][1], OPPOSITE[out])

    def run(self, rng):
        """Number of results that never come."""
        weight = {}  # some tiles are slow, others quick
        while moves := list(self.moves()):
            weights = [weight.setdefault(move[:2], rng.choice([1, 30, 1000])) for move in moves]
            x, y, item = rng.choices(moves, weights)[0]
            if item is None:
                self.queue(x, y, Port.LOCAL).append(self.sources[x, y].popleft())
                continue
            joined, out = self.trees[item[0]][x, y]
            for port in joined:
                self.queues[x, y, port].popleft()
            if out == Port.LOCAL:
                self.left -= 1
            else:
                self.target(x, y, out).append(item)
        return self.left
