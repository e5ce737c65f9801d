"""Where two events of an HBM channel can meet in one cycle, and a channel that notes which did.

Ports of a channel are requests that arrive, words that are read or written, and flits that leave.
Two requests never arrive at once, and one word is read or written in a cycle, so those are no
pairs; nor is a word that is read in the cycle after it was written by someone else, or before: that
is a race, which golden refuses.
"""

from itertools import product
from pathlib import Path

from amaranth import Cat, ClockSignal, Instance, Signal

from hw.memory.channel import OUTPUT_QUEUE, HbmChannel
from hw.mesh.mesh import Mesh

__all__ = ["CHANNEL_MEETINGS", "CHANNEL_MODEL", "WatchedMesh", "met_in_channel"]

_ARRIVALS, _SERVED = ("read arrives", "write arrives"), ("word read", "word written")
_QUEUES = ("arrivals", "reads", "writes", "output")


def _names() -> tuple[str, ...]:
    pairs = [*product(_ARRIVALS, _SERVED), *product((*_ARRIVALS, *_SERVED), ("flit leaves",))]
    found = [f"channel: {a} + {b}" for a, b in pairs]
    found += [f"channel: {queue} full + one leaves" for queue in _QUEUES]
    found += ["channel: read queued + write queued", "channel: acknowledgement + word read"]
    return tuple(found)


CHANNEL_MEETINGS = _names()


class WatchedChannel(HbmChannel):
    """A channel that tells the model ``channel_meetings`` what meets in a cycle."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        reads, writes, output, arrivals = self._reads, self._writes, self._output, self._arrivals
        arrives = (reads.w_en & reads.w_rdy, writes.w_en & writes.w_rdy)
        served = (self._do_read, self._do_write)
        leaves = self.data.valid & self.data.ready
        pops = [
            (~arrivals.w_rdy, arrivals.r_en & arrivals.r_rdy),
            (reads.w_en & ~reads.w_rdy, reads.r_en),
            (writes.w_en & ~writes.w_rdy, writes.r_en),
            (output.w_level == OUTPUT_QUEUE, leaves),
        ]
        acknowledged = Signal()
        m.d.sync += acknowledged.eq(self._do_write & self._write.bump)
        met = [
            *(a & b for a, b in product(arrives, served)),
            *(a & leaves for a in (*arrives, *served)),
            *(full & leaving for full, leaving in pops),
            reads.r_rdy & writes.r_rdy & self._access,
            acknowledged & self._do_read,
        ]
        assert len(met) == len(CHANNEL_MEETINGS)
        seen = Signal(len(met))
        m.d.comb += seen.eq(Cat(met))
        m.submodules.meetings = Instance(
            "channel_meetings",
            ("p", "PAIRS", len(met)),
            ("p", "INDEX", self._index),
            ("i", "clk", ClockSignal()),
            ("i", "on", self.count),
            ("i", "met", seen),
        )
        return m


class WatchedMesh(Mesh):
    """A mesh of `WatchedChannel`."""

    CHANNEL = WatchedChannel


CHANNEL_MODEL = """
module channel_meetings #(parameter PAIRS = 1, parameter INDEX = 0) (
    input wire clk, input wire on, input wire [PAIRS-1:0] met
);
    reg [PAIRS-1:0] seen = 0;
    string folder;
    integer file;
    always @(posedge clk) if (on) seen <= seen | met;
    final if ($value$plusargs("hbm_dir=%s", folder)) begin
        file = $fopen($sformatf("%s/met_channel_%0d.txt", folder, INDEX), "w");
        $fwrite(file, "%b", seen);
        $fclose(file);
    end
endmodule
"""


def met_in_channel(folder: Path, index: int) -> set[str]:
    """The meetings that a channel had in a run whose files are in a folder."""
    text = (folder / f"met_channel_{index}.txt").read_text()
    return {name for name, bit in zip(CHANNEL_MEETINGS, reversed(text), strict=True) if bit == "1"}
