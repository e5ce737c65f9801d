"""GTKWave really shows what the views say, and the viewer that is installed is started."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from isa.errors import UserError
from isa.instructions import Opcode, ReduceOp
from isa.packets import FlitKind
from isa.status import QueueState
from tests.waves.views.mesh_vcd import CONVERTER, signals, value, write_vcd
from waves.views import open_viewer, to_fst, write_views
from waves.views.viewer import viewer_command

CYCLES = 60
SCRIPT = """
gtkwave::setMarker {time}
for {{set i 0}} {{$i < [gtkwave::getTotalNumTraces]}} {{incr i}} {{
    puts "TRACE [gtkwave::getTraceNameFromIndex $i]"
    puts "FLAGS [gtkwave::getTraceFlagsFromIndex $i]"
}}
foreach name {{{names}}} {{ puts "VALUE $name = [gtkwave::getTraceValueAtMarkerFromName $name]" }}
gtkwave::/File/Quit
"""
SHOWN = {
    "0,0 matrix state": ("tile_0_0.matrix", "state", QueueState),
    "0,0 vector opcode": ("tile_0_0.vector", "opcode", Opcode),
    "0,0 data eject kind": ("tile_0_0.data_eject", "kind", FlitKind),
    "0,0 reduce inject op": ("tile_0_0.reduce_inject", "op", ReduceOp),
    "cycle": ("", "cycle", int),
    "0,0 data inject tag": ("tile_0_0.data_inject", "tag", int),
}
"""Label of an unfolded row to its scope, its name and what its value is shown as."""
needs_gtkwave = pytest.mark.skipif(
    not (shutil.which("gtkwave") and shutil.which("Xvfb")), reason="needs gtkwave and Xvfb"
)


@pytest.fixture
def display(monkeypatch):
    """A screen of its own."""
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        monkeypatch.setenv("DISPLAY", f":{pipe.readline().strip()}")
    yield
    screen.terminate()
    screen.wait(10)


def in_gtkwave(*files: Path, cycle: int) -> tuple[list[tuple[str, int]], dict[str, str]]:
    """Rows with their flags, and texts of `SHOWN` in a cycle, as GTKWave has them."""
    script = files[-1].parent / "look.tcl"
    script.write_text(SCRIPT.format(time=2 * cycle, names=" ".join(f'"{name}"' for name in SHOWN)))
    command = ["gtkwave", "-S", str(script), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", check=True)
    assert not re.search(r"not found|no such|could not|unable|error", done.stderr, re.IGNORECASE)
    names = re.findall(r"^TRACE (.*)\nFLAGS (\d+)$", done.stdout, re.MULTILINE)
    return [(name, int(flags)) for name, flags in names], dict(
        re.findall(r"^VALUE (.*) = (.*)$", done.stdout, re.MULTILINE)
    )


@needs_gtkwave
@pytest.mark.parametrize("dump", ["vcd", "fst", "moved"])
def test_gtkwave_shows_every_row_and_texts_for_numbers(tmp_path, display, dump):
    vcd = write_vcd(tmp_path / "run" / "waves.vcd", "2x1", cycles=CYCLES)
    save, _, _ = write_views(vcd, vcd.parent / "views")
    files = [to_fst(vcd, **CONVERTER), save] if dump == "fst" else [save]
    if dump == "moved":
        files = [shutil.move(tmp_path / "run", tmp_path / "else where") / "views" / save.name]
    shown, texts = in_gtkwave(*files, cycle=40)
    blank = 0x200
    engines = 2 * 4  # their states are shown twice
    assert sum(not flags & blank for _, flags in shown) == len(signals("2x1")) + engines
    assert [name for name, _ in shown[:5]] == ["cycle", "last", "clk", "machine", "machine columns"]
    for label, (scope, name, kind) in SHOWN.items():
        number = value(scope, name, 40, CYCLES - 1) & (1 << signals("2x1")[scope, name]) - 1
        assert texts[label] == (str(number) if kind is int else kind(number).name), label


@needs_gtkwave
def test_a_row_that_is_not_in_the_vcd_would_be_noticed(tmp_path, display):
    vcd = write_vcd(tmp_path / "waves.vcd", "2x1", cycles=CYCLES)
    save, _, _ = write_views(vcd, tmp_path / "views")
    save.write_text(save.read_text().replace("tile_1_0.l1.waits[5:0]", "tile_1_0.l1.waits"))
    shown, _ = in_gtkwave(save, cycle=1)
    assert "1,0 l1 waits" not in dict(shown) and "0,0 l1 waits" in dict(shown)


@needs_gtkwave
def test_the_viewer_is_started_and_left_running(tmp_path, display, monkeypatch):
    monkeypatch.setenv("VIEWER", "gtkwave")
    vcd = write_vcd(tmp_path / "waves.vcd", "2x1")
    save, _, _ = write_views(vcd, tmp_path / "views")
    process = open_viewer(vcd, tmp_path / "views")
    try:
        assert process.args[1:] == [str(vcd), save.name]
        assert process.poll() is None and os.getsid(process.pid) == process.pid
    finally:
        process.terminate()
        process.wait(10)


@needs_gtkwave
def test_a_viewer_without_a_display_is_reported(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("VIEWER", "gtkwave")
    vcd = write_vcd(tmp_path / "waves.vcd", "2x1")
    write_views(vcd, tmp_path / "views")
    with pytest.raises(UserError, match=r"gtkwave ended at once .*DISPLAY") as raised:
        open_viewer(vcd, tmp_path / "views")
    assert "\n" not in str(raised.value)


def program(folder: Path, name: str, text: str = "") -> Path:
    """A program that writes its folder and its arguments down."""
    path = folder / name
    path.write_text(f"#!/bin/sh\npwd\nprintf '%s\\n' \"$@\"\n{text}\n")
    path.chmod(0o755)
    return path


def test_surfer_is_started_where_it_finds_its_mappings(tmp_path, monkeypatch):
    vcd = write_vcd(tmp_path / "waves.vcd", "1x1")
    _, state, _ = write_views(vcd, tmp_path / "views")
    monkeypatch.setenv("VIEWER", str(program(tmp_path, "surfer", "sleep 20")))
    process = open_viewer(vcd, tmp_path / "views")
    process.kill()
    process.wait(10)
    said = (tmp_path / "views" / "viewer.log").read_text().splitlines()
    assert said == [str(state.parent), "--state-file", state.name, str(vcd)]
    assert (Path(said[0]) / ".surfer" / "mappings" / "flatmesh_opcode_8.txt").exists()


@pytest.mark.parametrize(
    ("viewer", "installed", "result"),
    [
        ("", ["surfer"], "surfer"),
        ("", ["surfer", "gtkwave"], "gtkwave"),
        ("surfer", ["surfer", "gtkwave"], "surfer"),
        ("", [], "no waveform viewer on PATH: .*GTKWave .*waves.gtkw, .*Surfer .*waves.surf.ron"),
        ("gtkwave", ["surfer"], "no gtkwave on PATH"),
        ("emacs", ["surfer"], "VIEWER must be gtkwave or surfer"),
    ],
)
def test_the_viewer_that_is_installed_is_chosen(tmp_path, monkeypatch, viewer, installed, result):
    monkeypatch.setenv("VIEWER", viewer)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in installed:
        program(tmp_path, name)
    if result in installed:
        assert viewer_command(tmp_path / "waves.vcd", tmp_path)[0] == str(tmp_path / result)
        return
    with pytest.raises(UserError, match=result) as raised:
        viewer_command(tmp_path / "waves.vcd", tmp_path)
    assert "\n" not in str(raised.value)
