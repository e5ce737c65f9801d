"""Writes words to L1, consecutive ones together."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import L1Port
from isa.machine import Tile

__all__ = ["PATIENCE", "LineWriter"]

PATIENCE = 16
"""Cycles that words wait for the one that follows them."""


class LineWriter(wiring.Component):
    """Collects consecutive words and writes up to a line of them in one access, so that the banks
    stay free for others.

    A word that completes a line, or comes with ``flush``, is written in the cycle in which it is
    taken, together with the words before it. The others are taken at once, and written with a later
    word; before a word that does not follow them, which then waits if it has to be flushed itself;
    after `PATIENCE` cycles without a word; or with ``drain``. So whoever learns from a flushed word
    that the words are there finds all those before it in L1.

    Parameters
    ----------
    tile : Tile
        Banks and width of the L1.

    Members
    -------
    word : ``In(stream({data, addr, tag, flush}))``
        Words for the L1, none beyond it. ``ready`` depends on ``addr`` and ``flush``.
    drain : ``In(1)``
        In a cycle without a word: write what there is.
    empty : ``Out(1)``
        All words are written.
    l1 : ``Out(L1Port)``
        Writes of up to a line.
    tag : ``Out(8)``
        Tag of the last word of the write.
    """

    def __init__(self, *, tile: Tile):
        self._tile = tile
        super().__init__(
            {
                "word": In(
                    stream.Signature(
                        data.StructLayout(
                            {"data": tile.link_bits, "addr": 16, "tag": 8, "flush": 1}
                        )
                    )
                ),
                "drain": In(1),
                "empty": Out(1),
                "l1": Out(L1Port(tile)),
                "tag": Out(8),
            }
        )

    def elaborate(self, platform):
        m = Module()
        banks, word, request = self._tile.l1_banks, self.word.payload, self.l1.req.payload
        words = [
            Signal(self._tile.link_bits, name=f"word{n}", reset_less=True) for n in range(banks - 1)
        ]
        base, held, idle = (
            Signal(16, reset_less=True),
            Signal(range(banks)),
            Signal(range(PATIENCE)),
        )
        tag = Signal(8, name="last_tag", reset_less=True)

        follows, now, granted, offered = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.empty.eq(held == 0),
            follows.eq(self.empty | ~offered & (word.addr == base + held)),
            now.eq(word.flush | (held == banks - 1)),
            self.l1.req.valid.eq(
                Mux(
                    self.word.valid,
                    now | ~follows,
                    ~self.empty & (offered | self.drain | (idle == PATIENCE - 1)),
                )
            ),
            granted.eq(self.l1.req.valid & self.l1.req.ready),
            self.word.ready.eq(
                Mux(follows, ~now | self.l1.req.ready, ~word.flush & self.l1.req.ready)
            ),
            request.addr.eq(Mux(self.empty, word.addr, base)),
            self.tag.eq(Mux(self.word.valid & follows, word.tag, tag)),
        ]
        # Words that were offered to the L1 without the new one stay without it.
        m.d.sync += offered.eq(
            self.l1.req.valid & ~self.l1.req.ready & ~(self.word.valid & follows)
        )
        # The new word goes behind the others.
        with m.If(self.l1.req.valid):
            m.d.comb += request.write.eq(1)
        with m.If(self.l1.req.valid), m.Switch(held):
            for n in range(banks):
                with m.Case(n):
                    m.d.comb += [
                        request.mask.eq(Cat(Const((1 << n) - 1, n), self.word.valid & follows)),
                        request.data.eq(Cat(words[:n])),
                    ]
                    with m.If(self.word.valid & follows):
                        m.d.comb += request.data.word_select(n, self._tile.link_bits).eq(word.data)

        with m.If(self.word.valid & self.word.ready & ~(follows & now)):
            m.d.sync += [held.eq(Mux(follows, held + 1, 1)), tag.eq(word.tag)]
            with m.If(self.empty | ~follows):
                m.d.sync += [base.eq(word.addr), *([words[0].eq(word.data)] if words else [])]
            with m.Else(), m.Switch(held):
                for n in range(1, banks - 1):
                    with m.Case(n):
                        m.d.sync += words[n].eq(word.data)
        with m.Elif(granted):
            m.d.sync += held.eq(0)
        with m.If(self.word.valid | granted):
            m.d.sync += idle.eq(0)
        with m.Elif(~self.empty & (idle != PATIENCE - 1)):
            m.d.sync += idle.eq(idle + 1)
        return m
