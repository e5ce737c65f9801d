"""What is wrong with a VCD is said in one line, and nothing is read past it."""

import pytest

from isa.errors import UserError
from tests.waves.rebuild.build import code, signals, vcd, write
from waves.read.changes import READERS
from waves.read.vcd import read

EAST = "tile_0_0.data_east"
CODES = {name: code(index) for index, name in enumerate(signals(2, 1, ()))}
CYCLES = [
    {},
    {f"{EAST}.valid": 1, f"{EAST}.addr": 3},
    {f"{EAST}.ready": 1},
    {f"{EAST}.valid": 0},
    {},
]
ADDR = CODES[f"{EAST}.addr"]


@pytest.fixture(params=READERS)
def refused(request, tmp_path):
    """Writes a text, has it read, and returns what the user is told."""
    pytest.importorskip(request.param)

    def why(text: str | bytes, name: str = "waves.vcd") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError) as caught:
            read(path, reader=request.param)
        message = str(caught.value)
        assert message.startswith(f"{path}: ") and "\n" not in message
        return message.removeprefix(f"{path}: ")

    return why


def line_of(text: str, wanted: str) -> int:
    return text[: text.index(f"\n{wanted}\n") + 1].count("\n") + 1


def test_the_text_that_is_damaged_here_is_good(tmp_path):
    assert read(write(tmp_path / "waves.vcd", CYCLES)).flits == 1


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.vcd: cannot be read: No such file"):
        read(tmp_path / "none.vcd")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("hello\nworld\n", "not a VCD: it starts with 'hello'"),
        (b"\x7fELF\x01\x02\n\x00\xff", r"not a VCD: it starts with '\x7fELF"),
        ("$version of a text $end\nhello\n", "line 2: 'hello' is not a declaration"),
    ],
)
def test_not_a_vcd(refused, text, message):
    assert refused(text).startswith(message)


def test_another_design(refused):
    other = (
        "$scope module top $end\n$var wire 1 ! clk $end\n$upscope $end\n$enddefinitions $end\n#0\n"
        "0!\n"
    )
    assert refused(other).startswith(
        "one scope waves with a signal cycle is needed, and there is none"
    )
    assert "make waves" in refused(other)
    assert "no scope tile_0_0" in refused(other.replace("top", "waves").replace("clk", "cycle"))
    two = other.replace("$enddef", other.partition("$enddef")[0] + "$enddef")
    assert "there is 2: top.waves, waves" in refused(
        two.replace("clk", "cycle")
        .replace("top", "waves", 1)
        .replace("module top $end", "module top $end\n$scope module waves $end")
        .replace("$upscope $end\n$enddef", "$upscope $end\n$upscope $end\n$enddef")
    )


def test_missing_signals_and_wrong_widths(refused):
    text = vcd(CYCLES)
    assert "TOP.mesh.waves.tile_0_0.data_east.addr of a 2x1 mesh is missing" in refused(
        text.replace(f"{ADDR} addr", f"{ADDR} adr")
    )
    assert "tile_1_0.reduce_west.valid and 15 more" in refused(
        text.replace("module reduce_west", "module reduce_up")
    )
    assert "data_east.addr must have 16 bits, not 12" in refused(
        text.replace(f"wire 16 {ADDR} addr [15:0]", f"wire 12 {ADDR} addr [11:0]")
    )


def test_constants_that_do_not_fit_the_tiles(refused):
    assert "machine.columns and machine.rows say 4x1" in refused(vcd([{"machine.columns": 4}]))


def test_truncated(refused):
    text = vcd(CYCLES)
    lines = text.splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines, 1) if "$enddefinitions" in line)
    assert (
        refused("".join(lines[: end - 3]))
        == f"truncated: it ends in line {end - 3}, within the declarations"
    )
    assert refused(text[: text.index("$var") + 8]).startswith(
        "truncated: it ends in the middle of line 6, '$var wir"
    )
    assert refused("".join(lines[:end])) == "truncated: it ends before the first cycle"
    half = line_of(text, "#15")
    assert refused("".join(lines[: half - 1]) + "#1").startswith(
        f"truncated: it ends in the middle of line {half}, '#1'"
    )
    assert (
        refused("".join(lines[:half]))
        == "truncated: it ends in cycle 2, which is not marked as the last one"
    )
    assert refused("".join(lines[:-2])) == "truncated: it ends within the last cycle, 4"
    assert (
        refused(vcd(CYCLES, last=False))
        == "truncated: it ends in cycle 4, which is not marked as the last one"
    )
    assert (
        refused("$version\n cut\n") == "truncated: it ends in line 2, within the $version of line 1"
    )


CYCLE = CODES["cycle"]


@pytest.mark.parametrize(
    "line, damaged, message",
    [
        (
            f"b11 {ADDR}",
            "b11 nobody",
            "'b11 nobody' changes a signal 'nobody' that is not declared",
        ),
        (
            f"1{CODES[f'{EAST}.valid']}",
            "1nobody",
            "'1nobody' changes a signal 'nobody' that is not declared",
        ),
        (f"b11 {ADDR}", f"b13 {ADDR}", f"the value in 'b13 {ADDR}' is not binary"),
        (f"b11 {ADDR}", f"b {ADDR}", f"the value in 'b {ADDR}' is not binary"),
        (
            f"b11 {ADDR}",
            f"b{'1' * 17} {ADDR}",
            f"a value of 17 bits for a signal of 16, 'b{'1' * 17} {ADDR}'",
        ),
        (f"b11 {ADDR}", f"r11 {ADDR}", f"the value in 'r11 {ADDR}' is not binary"),
        (f"b11 {ADDR}", f"b11{ADDR}", f"'b11{ADDR}' is not a value change"),
        (f"b11 {ADDR}", "\x00\x00\x00", r"'\x00\x00\x00' is not a value change"),
        (f"b11 {ADDR}", f"b11 {ADDR} b11 {ADDR}", f"'b11 {ADDR} b11 {ADDR}' is not a value change"),
        (
            f"b11 {ADDR}",
            "$var wire 1 ! late $end",
            "'$var wire 1 ! late $end' is not a value change",
        ),
        (f"b11 {ADDR}", "y" * 99, f"'{'y' * 40}...' is not a value change"),
        ("#14", "#9", "the time goes back from 13 to 9"),
        ("#14", "#1e3", "'#1e3' is not a time"),
        ("#14", "#", "'#' is not a time"),
        ("#14", "#14 1nobody", "'#14 1nobody' changes a signal 'nobody' that is not declared"),
    ],
)
def test_a_damaged_line(refused, line, damaged, message):
    text = vcd(CYCLES)
    assert (
        refused(text.replace(f"\n{line}\n", f"\n{damaged}\n", 1))
        == f"line {line_of(text, line)}: {message}"
    )


@pytest.mark.parametrize(
    "line, damaged, message",
    [
        (
            f"$var wire 32 {CYCLE} cycle [31:0] $end",
            "$var wire $end",
            "'$var wire $end' is not a declaration",
        ),
        (
            f"$var wire 32 {CYCLE} cycle [31:0] $end",
            f"$var wire 32 {CYCLE} cycle [3:0] $end",
            "the range and the width in",
        ),
        ("$scope module TOP $end", "$scope TOP $end", "'$scope TOP $end' is not a declaration"),
        ("$scope module TOP $end", "$upscope $end", "'$upscope $end' is not a declaration"),
        (
            "$enddefinitions $end",
            "$scope module x $end\n$enddefinitions $end",
            "the declarations end within a scope",
        ),
    ],
)
def test_a_damaged_declaration(refused, line, damaged, message):
    number = line_of(vcd(CYCLES), line) + damaged.count("\n")
    assert refused(vcd(CYCLES).replace(line, damaged, 1)).startswith(f"line {number}: {message}")


def test_missing_cycles(refused):
    text = vcd(CYCLES)
    assert (
        refused(text.replace(f"b10 {CYCLE}\n", ""))
        == "cycle 1 is followed by 3 at time 16: cycles are missing"
    )
    assert refused(text.replace(f"b11 {CYCLE}\n", f"b111 {CYCLE}\n")).startswith(
        "cycle 2 is followed by 7 at time 16"
    )
    assert (
        refused(text.replace("#14\n", "").replace("#13\n", ""))
        == "cycle 0 is followed by 2 at time 12: cycles are missing"
    )


def test_unknown_values_within_the_window(refused):
    assert (
        refused(vcd([{f"{EAST}.valid": 1}, {}, {f"{EAST}.valid": "x"}]))
        == f"{EAST}.valid is x in cycle 2"
    )
    taken = {f"{EAST}.valid": 1, f"{EAST}.ready": 1}
    assert refused(vcd([{}, taken | {f"{EAST}.addr": "x1"}])) == f"{EAST}.addr is x in cycle 1"
    assert refused(vcd([{}, {"cycle": "x"}, {}])) == "the signal cycle is x at time 12"


def test_more_done_than_issued(refused):
    state, done = "tile_0_0.matrix.state", "tile_0_0.matrix.done"
    text = vcd([{state: 0}, {state: 1}, {done: 1}, {done: 0}])
    assert refused(text) == "tile_0_0.matrix has more instructions done than issued up to cycle 3"


def test_readers_that_cannot(tmp_path, monkeypatch):
    path = write(tmp_path / "waves.vcd", CYCLES)
    with pytest.raises(UserError, match="reader must be one of vcdvcd, pywellen, not 'gtkwave'"):
        read(path, reader="gtkwave")
    monkeypatch.setattr("waves.read.changes.find_spec", lambda name: None)
    assert read(path).flits == 1
    with pytest.raises(UserError, match="pywellen is needed, `pip install pywellen`"):
        read(path, reader="pywellen")
    with pytest.raises(UserError, match="pywellen is needed"):
        read(path.rename(tmp_path / "waves.fst"))


@pytest.mark.parametrize(
    "content, message", [(b"", "the file is empty"), (b"no FST file", "pywellen cannot read it")]
)
def test_no_fst(tmp_path, content, message):
    pytest.importorskip("pywellen")
    path = tmp_path / "waves.fst"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(path)
