"""Every variable of the make targets, with its default and unit: the one place that explains them.

`make help` prints this; the options of the commands take defaults and help from here. It needs
nothing but the standard library, since `make help` comes before `.venv`.
"""

from typing import NamedTuple

from publish.wafer.variables import WAFER

__all__ = ["GROUPS", "VARIABLES", "Variable"]


class Variable(NamedTuple):
    """An environment variable, which is how make passes it on, and the option of that name."""

    name: str
    default: str
    text: str
    choices: tuple[str, ...] = ()
    """All values, where they are few."""

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.lower()}"

    @property
    def attribute(self) -> str:
        """Its name among the parsed options."""
        return {"FROM": "first", "TO": "last"}.get(self.name, self.name.lower())


_V, _SWITCH, _ARRAYS = Variable, ("0", "1"), ("rtl", "verilog", "functional")
GROUPS: dict[str, tuple[Variable, ...]] = {
    "what is run": (
        _V(
            "MACHINE",
            "mesh4",
            "tiny, mesh4, mesh8, mesh16, mesh32, paper-tile, paper-2025, paper-2026, paper-4tb, or "
            "a .toml",
        ),
        _V("MESH", "", "COLUMNSxROWS tiles, instead of the machine's mesh"),
        _V(
            "WORKLOAD",
            "minilm",
            "minilm, mha:S=512,D=64,H=4 (or gqa, mqa, mla), gemm:M=256,N=256,K=256, or an .npz",
        ),
        _V("DATAFLOW", "", "flat-async flat flat-tree flat-seq flash3 flash2 summa, or by rule"),
        _V(
            "DTYPE",
            "",
            "format of the inputs: fp16, bf16, e4m3 or e5m2; if empty, that of the tensors of an "
            ".npz, or else fp16",
        ),
        _V("PTYPE", "", "format of the probabilities; that of the inputs if empty"),
        _V("OTYPE", "", "format of the output; that of the inputs if empty"),
        _V("GROUP", "", "COLUMNSxROWS tiles of a group; by rule if empty"),
        _V("SLICE", "", "32x64: query rows x keys of a tile, or rows x columns of C; or 32x, x64"),
        _V("SEED", "1", "seed of everything random: data, traffic, back-pressure"),
        _V("STALL", "0", "per cent of cycles in which every link refuses flits, up to 94"),
        _V(
            "ARRAY",
            "rtl",
            "rtl; verilog: slower, PEs as Verilog; functional: host arithmetic; same bits",
            _ARRAYS,
        ),
        _V("WAVES", "0", "1: sim and run write the whole run as a VCD", _SWITCH),
        _V("ANYSIZE", "0", "1: simulate a mesh even if it is estimated to be too large", _SWITCH),
    ),
    "how it is run": (
        _V("JOBS", "2", "processes at a time; campaign, races, formal and tune: as many as cores"),
        _V(
            "THREADS",
            "",
            "threads of one simulation; if empty, 1, or all cores for 256 tiles and more",
        ),
        _V("SCHEDULER", "", "tcp://host:8786: a Dask scheduler, whose workers do it instead"),
        _V("SPEC", "", "the grid that campaign runs, for example examples/campaign.toml"),
        _V(
            "VARY",
            "tiles hbm l1",
            "what explore varies, with values or without: tiles=4x4,8x8 (same peak), link=512 bits,"
            " hbm=256 bytes a cycle of all channels, lanes=32, l1=192 KiB, group=4x4",
        ),
        _V("QUICK", "0", "1: noc with fewer lengths, flits and runs; calibrate: the default tile"),
        _V("SMALL", "0", "1: ablation of mha:S=128,D=32,H=2", _SWITCH),
        _V("TOP", "8", "candidates that tune runs"),
        _V("EXHAUSTIVE", "0", "1: tune runs all candidates, for comparison", _SWITCH),
        _V("MOST", "", "at most this many candidates of an exhaustive search"),
        _V(
            "JUDGE",
            "rtl",
            "what tune runs candidates on: rtl or model",
            ("rtl", "model"),
        ),
    ),
    "waves and inspect": (
        _V("FROM", "", "first cycle of the window; 0 if empty"),
        _V("TO", "", "last cycle of the window, or end; 20,000 cycles if empty"),
        _V("COLLECTIVE", "", "TAG or TAG:NUMBER: the window of this one; inspect draws it"),
        _V(
            "FAULT",
            "",
            "break the hardware: dropped-flit, wrong-root, route-branch-missing, join-incomplete",
        ),
        _V("FORMAT", "vcd", "fst: an FST file as well", ("vcd", "fst")),
        _V("VCD", "", "a VCD of a mesh; that of the last make waves if empty"),
        _V("READER", "vcdvcd", "or pywellen: faster, the same result", ("vcdvcd", "pywellen")),
        _V("LIST", "24", "collectives to print one by one"),
        _V("OPEN", "0", "1: open the viewer, or the report in a browser", _SWITCH),
        _V("VIEWER", "", "gtkwave or surfer; whichever is installed if empty"),
    ),
    "programs of your own": (
        _V("PROGRAM", "", "the text that run takes, for example examples/put.s"),
        _V(
            "OUT",
            "",
            "compile, shrink: a text; verilog: a folder; sim: .npz of o, expected, fp64",
        ),
    ),
    "wafer: a model on many dies": tuple(Variable(*fields) for fields in WAFER),
    "conformance and measure": (
        _V("SET", "default", "conformance: default or nightly; measure: what is measured"),
        _V("TARGET", "rtl", "rtl, or golden: the golden machine alone; run: both if not given"),
        _V("DUT", "", "Verilog file with a module tile or mesh that takes the place of ours"),
        _V("CASE", "", "only this case"),
        _V("MUTATIONS", "1", "0: skip the mutation check"),
        _V("MUTANT", "", "only this mutation, by number or name"),
        _V("RESUME", "1", "0: run everything again, whatever an earlier run has kept", _SWITCH),
    ),
    "set-up": (
        _V("PYTHON", "python3", "Python 3.11 or newer that .venv is made with"),
        _V("FOR", "", "help: only this target, and what it reads: make help FOR=sim"),
    ),
}
"""What belongs together, in the order in which it is printed."""

VARIABLES = {variable.name: variable for group in GROUPS.values() for variable in group}
"""By name."""
