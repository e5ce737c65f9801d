"""L1: single-port banks, any line of consecutive words in one access."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.emit import once
from hw.layouts import L1Port
from isa.machine import Tile

__all__ = ["L1", "Bank"]


class Bank(wiring.Component):
    """A single-port memory of `rows` words of `width` bits. What was read stays until the next
    read.

    Members
    -------
    addr, read, write, write_data : ``In``
        One access a cycle.
    read_data : ``Out(width)``
        The word that was read last, from the next cycle on.
    """

    def __init__(self, *, width: int, rows: int):
        self._width, self._rows = width, rows
        super().__init__(
            {
                "addr": In(range(rows)),
                "read": In(1),
                "write": In(1),
                "write_data": In(width),
                "read_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = Memory(shape=self._width, depth=self._rows, init=[])
        read, write = words.read_port(), words.write_port()
        m.d.comb += [
            read.addr.eq(self.addr),
            read.en.eq(self.read),
            write.addr.eq(self.addr),
            write.en.eq(self.write),
            write.data.eq(self.write_data),
            self.read_data.eq(read.data),
        ]
        return m


class L1(wiring.Component):
    """Word w lives in bank ``w % l1_banks``, row ``w // l1_banks``; an access takes consecutive
    words at any address.

    Each bank does one read or write a cycle. Ports with lower index come first; in a cycle every
    port is served whose banks are free of served ports before it. A read's words are there exactly
    one cycle after its transfer; words outside the mask are undefined. An access that reaches
    beyond the L1 is taken, not performed (a read gives zeros), and reported.

    The priority is fixed, so that a port only makes progress when those before it leave its banks
    free some cycles. The tile orders its ports by who can wait: arriving flits never (the network
    drains through them), engines at will, because each of them stops by itself when what it waits
    for does not progress.

    Parameters
    ----------
    tile : Tile
        Number of banks, their width and depth.
    ports : int
        Number of clients, at least 1.

    Members
    -------
    ports : ``In(L1Port).array(ports)``
        The clients. ``ready`` depends on the requests of the ports before, never on the port's own
        ``valid``.
    error : ``Out(struct)``
        ``valid`` in the cycle after an access beyond the L1 was taken, with ``addr`` and ``port``
        (the first if several).
    conflict : ``Out(1)``
        In the cycle before, at least one request was not taken.
    """

    def __init__(self, *, tile: Tile, ports: int):
        if not isinstance(ports, int) or ports < 1:
            raise TypeError(f"Number of ports must be a positive integer, not {ports!r}")
        self._tile = tile
        super().__init__(
            {
                "ports": In(L1Port(tile)).array(ports),
                "error": Out(data.StructLayout({"valid": 1, "addr": 16, "port": range(ports)})),
                "conflict": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count, width = self._tile.l1_banks, self._tile.link_bits
        rows = self._tile.l1_words // count
        index_bits = exact_log2(count)

        banks = [Bank(width=width, rows=rows) for _ in range(count)]
        for b, bank in enumerate(banks):
            m.submodules[f"bank{b}"] = once(platform, "bank", bank)

        # Arbitration: `needs` are the banks of a request, `used` those of the served ports before.
        used = 0
        blocked, beyond, hits = [], [], []
        for p, port in enumerate(self.ports):
            request = port.req.payload
            row = request.addr[index_bits:]
            spread = Signal(2 * count - 1, name=f"spread{p}")
            needs, served = Signal(count, name=f"needs{p}"), Signal(count, name=f"served{p}")
            bad, take = Signal(name=f"bad{p}"), Signal(name=f"take{p}")
            wraps = spread[count:].any()
            m.d.comb += [
                spread.eq(
                    request.mask << request.addr[:index_bits] if index_bits else request.mask
                ),
                bad.eq((row >= rows) & request.mask.any() | (row == rows - 1) & wraps),
                needs.eq(Mux(bad, 0, spread[:count] | spread[count:])),
                port.req.ready.eq(~(needs & used).any()),
                take.eq(port.req.valid & port.req.ready),
                served.eq(needs & take.replicate(count)),
            ]
            used = used | served
            blocked.append(port.req.valid & ~port.req.ready)
            beyond.append(take & bad)
            hits.append(served)

            # Response: rotate back. Wide values move in whole words, chosen by a small switch,
            # which is what simulates fast.
            offset, zero = Signal(index_bits, name=f"offset{p}"), Signal(name=f"zero{p}")
            m.d.sync += port.rsp_valid.eq(take & ~request.write)
            with m.If(take):
                m.d.sync += [offset.eq(request.addr[:index_bits]), zero.eq(bad)]
            with m.If(~zero):
                for o in _cases(m, offset, count):
                    m.d.comb += port.rsp_data.eq(
                        Cat(banks[(o + i) % count].read_data for i in range(count))
                    )

        # Banks: at most one port hits each of them.
        for b in range(count):
            for p, port in enumerate(self.ports):
                request = port.req.payload
                offset = request.addr[:index_bits]
                with m.If(hits[p][b]) if p == 0 else m.Elif(hits[p][b]):
                    m.d.comb += [
                        # Banks below the first word's hold words of the next row.
                        banks[b].addr.eq(request.addr[index_bits:] + (offset > b)),
                        banks[b].read.eq(~request.write),
                        banks[b].write.eq(request.write),
                    ]
                    with m.If(request.write):
                        for o in _cases(m, offset, count):
                            m.d.comb += banks[b].write_data.eq(
                                request.data.word_select((b - o) % count, width)
                            )
            with m.Else():
                m.d.comb += banks[b].read.eq(0)

        # Reports.
        m.d.sync += [self.conflict.eq(Cat(blocked).any()), self.error.valid.eq(Cat(beyond).any())]
        for p in reversed(range(len(self.ports))):
            with m.If(beyond[p]):
                m.d.sync += [
                    self.error.addr.eq(self.ports[p].req.payload.addr),
                    self.error.port.eq(p),
                ]
        return m


def _cases(m, offset, count):
    """Run the caller's loop body once a value of `offset`, inside the case for it."""
    if count == 1:
        yield 0
        return
    with m.Switch(offset):
        for o in range(count):
            with m.Case(o):
                yield o
