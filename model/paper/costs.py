"""The papers' published costs, each with its unit and its source.

[25] is arXiv 2505.18824, [26] arXiv 2604.02110, [N] arXiv 2603.26438, and [C] the simulator that
the authors of [25] and [26] published with them (repository gvsoc/gvsoc, FlatAttention). Nothing
here is fitted to the times that `model.paper.published` holds. Four start-ups are published only as
parts of bars of [25] (the synchronous dataflow): their lines say "implied".
"""

from dataclasses import dataclass
from math import ceil

__all__ = ["PaperCosts"]


@dataclass(frozen=True)
class PaperCosts:
    """Cycles of the papers' tile, network and memory; bytes where it says so."""

    element_bytes: int = 2
    """FP16 [25]"""
    # memory
    burst_bytes: int = 4096
    """of a DMA's burst [C]"""
    channel_bytes: int = 64
    """bytes a cycle of an HBM channel [25]"""
    latency: int = 200
    """from a burst's request to its data [C]"""
    activate: int = 12
    """until a row is open: RCDRD of the HBM2 that [C]'s DRAM simulator is set to (DRAMSys,
    hbm2-example.json, clock 1 ns)
    """
    banks: int = 16
    """rows that are open at a time, of a channel, there"""
    refresh: tuple[int, int] = (220, 3900)
    """cycles of a refresh, and from one to the next: RFC and REFI there"""
    dma_start: int = 8
    """instructions that start a transfer: 5 to 8 [C]"""
    # matrix engine: 32 x 16 MACs [25], as passes over blocks of 32 x 256 x 32 [C]
    block: int = 32
    """rows and columns of a pass"""
    depth: int = 256
    """most inner products of a pass"""
    # vector engine
    lanes: int = 128
    """FP16 elements a cycle, 128 FLOP/cycle [25]"""
    special_lanes: int = 64
    """likewise of exponentials and quotients [C]"""
    # network
    link_bytes: int = 128
    """bytes a cycle of a link, 1024 bit [25]"""
    hop: int = 1
    """from a router to the next [C]"""
    unicast: int = 30
    """start-up of a transfer between tiles [N]"""
    multicast_line: tuple[int, int] = (33, 300)
    """start-up of a multicast to 4 and to 32 tiles of a line: [N]: 30 + tiles - 1; the mean of the
    275 to 330 cycles that [25] implies
    """
    maximum_line: tuple[int, int] = (29, 252)
    """likewise of a reduction of one vector: 4 tiles in [C]'s comparison with RTL in [26]; 254
    cycles of 256 B implied by [25]
    """
    sum_line: tuple[int, int] = (29, 415)
    """likewise of a reduction of a matrix; the mean of the 390 to 440 cycles that [25] implies"""
    barrier_control: int = 18
    """instructions of a barrier: with `barrier` 146 cycles on 32 x 32 tiles, a twelfth of the 1755
    cycles that 12 barriers of a synchronous block take, as implied by [25]
    """
    transpose: bool = False
    """whether loaders transpose K, in rows + columns cycles [26]; in [25] it is stored so"""
    l1_bytes: int = 384 << 10
    """[25], [26]"""
    slice: int = 128
    """rows and keys of the largest slice [25], [26]"""
    clear_bytes: int = 512
    """bytes a cycle of the L1 [25], for scores and outputs that are set to zero"""

    def burst_cycles(self, size: int, streams: int) -> float:
        """Cycles of a channel for `size` bytes of a burst, when `streams` tiles take turns there.

        It opens its row anew if any other stream used its bank since its last burst, with banks as
        if drawn at random. That precharge is hidden and activation is not is an assumption.
        """
        shut = 1 - (1 - 1 / self.banks) ** (streams - 1)
        busy, every = self.refresh
        opening = self.activate * shut * size / self.burst_bytes
        return (size / self.channel_bytes + opening) * every / (every - busy)

    def product(self, m: int, n: int, k: int) -> int:
        """Cycles of m x n x k multiply-accumulates.

        Each pass takes ceil(2 k / 32) * 32 cycles or its L1 accesses, a row of each operand and of
        the result, whichever are more; before the first one are the rows of one operand, and after
        the last one 32 cycles of drain and the rows of the result [C].
        """
        rows = min(m, self.block)
        full, rest = divmod(k, self.depth)
        depths = [self.depth] * full + [rest] * (rest > 0)
        one = sum(max(ceil(2 * d / self.block) * self.block, 2 * rows + d) for d in depths)
        passes = ceil(m / self.block) * ceil(n / self.block)
        return passes * one + rows + 1 + self.block + rows

    def _vector(self, rows: int, columns: int, plain: int, special: int, scalar: int) -> int:
        """Cycles of rows: one of each instruction, and of vector ones ceil(length / lanes) more."""
        each = plain * (1 + ceil(columns / self.lanes)) + scalar
        return rows * (each + special * (1 + ceil(columns / self.special_lanes)))

    def row_maximum(self, rows: int, columns: int) -> int:
        """Load, scale, store, maximum; two scalar instructions [C]."""
        return self._vector(rows, columns, 4, 0, 2)

    def exponential(self, rows: int, columns: int) -> int:
        """Load, subtract, exponential, store; three scalar ones [C]."""
        return self._vector(rows, columns, 3, 1, 3)

    def row_sum(self, rows: int, columns: int) -> int:
        """Load, sum; two scalar ones [C]."""
        return self._vector(rows, columns, 2, 0, 2)

    def divide(self, rows: int, columns: int) -> int:
        """Load, divide, store; three scalar ones [C]. The rescaling of O divides too."""
        return self._vector(rows, columns, 2, 1, 3)

    def statistics(self, rows: int) -> int:
        """The new scale e = exp(old - new) and the new sum e * old + new, of `rows` at once [C]."""
        return self._vector(1, rows, 10, 1, 2)

    def beats(self, size: int) -> int:
        """Cycles of `size` bytes on a link."""
        return ceil(size / self.link_bytes)

    def multicast(self, tiles: int, size: int) -> int:
        """Cycles of a multicast along a line of tiles; 0 for one."""
        return _line(self.multicast_line, tiles) + self.beats(size) if tiles > 1 else 0

    def maximum(self, tiles: int, size: int) -> int:
        """Cycles of a reduction of a vector along a line, maximum or sum."""
        return _line(self.maximum_line, tiles) + self.beats(size) if tiles > 1 else 0

    def sum(self, tiles: int, size: int) -> int:
        """Cycles of the sum of a matrix along a line."""
        return _line(self.sum_line, tiles) + self.beats(size) if tiles > 1 else 0

    def send(self, tiles: int) -> int:
        """Start of a transfer to another tile of a line, half of it away on average."""
        return self.unicast + self.hop * tiles // 2

    def software_multicast(self, tiles: int, size: int) -> int:
        """One transfer after the other. [25]: 30.7 times the network's, for large ones."""
        return (tiles - 1) * (self.send(tiles) + self.beats(size))

    def software_reduction(self, tiles: int, size: int) -> int:
        """Likewise: a request and a transfer, then two loads, an operation and a store.

        [25]: 67.3 times the network's, for large ones.
        """
        combining = 4 * ceil(size / self.element_bytes / self.lanes)
        return (tiles - 1) * (2 * self.send(tiles) + self.beats(size) + combining)

    def software_starts(self, tiles: int, transfers: int) -> int:
        """Instructions that start them, `transfers` to each other tile of a line."""
        return (tiles - 1) * transfers * self.dma_start

    def barrier(self, columns: int, rows: int) -> int:
        """Cycles of a barrier of a group, 0 of one tile.

        Atomic adds arrive one a cycle, those of a row at its tile, those of the rows at one [C];
        the way there and back is half the group's sides.
        """
        if columns * rows == 1:
            return 0
        return 2 * (columns + rows) * self.hop + self.barrier_control

    def clear(self, size: int) -> int:
        """Cycles in which `size` bytes of the L1 are set to zero by the DMA."""
        return self.dma_start + ceil(size / self.clear_bytes)


def _line(ends: tuple[int, int], tiles: int) -> int:
    """Between what is published of 4 and of 32 tiles."""
    four, most = ends
    return max(0, round(four + (most - four) * (tiles - 4) / 28))
