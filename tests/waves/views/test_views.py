"""The views name what the VCD holds, all of it and nothing else, and every number that has a name
is shown by it.
"""

import re
from collections import Counter
from enum import Enum

import pytest
from matplotlib.colors import is_color_like

from isa.errors import UserError
from isa.instructions import EdgePort, Format, Opcode, ReduceOp
from isa.packets import FlitKind
from isa.status import L1_CLIENTS, QueueState
from tests.waves.views.mesh_vcd import signals, write_vcd
from waves.views import write_views
from waves.views.header import read_header
from waves.views.layout import arrange, rows

MESHES = ("1x1", "2x1", "1x4", "5x3")
ENUMS: dict[str, type[Enum]] = {
    "queue_state.3": QueueState,
    "opcode.8": Opcode,
    "flit_kind.2": FlitKind,
    "reduce_op.1": ReduceOp,
    "format.3": Format,
    "edge_port.2": EdgePort,
}
BUILTIN = {"Unsigned", "Hexadecimal"}


def views(folder, mesh="2x1", tiles=None, **options):
    vcd = write_vcd(folder / "waves.vcd", mesh, **options)
    return [path.read_text() for path in write_views(vcd, folder / "views", tiles=tiles)]


def declared(folder) -> set[str]:
    """Paths with ranges below ``waves``, read from the VCD in another way than the views
    read it.
    """
    scopes, found = [], set()
    for line in (folder / "waves.vcd").read_text().split("$enddefinitions")[0].splitlines():
        words = line.split()
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var" and "waves" in scopes:
            found.add(".".join([*scopes, words[4]]) + "".join(words[5:-1]))
    return found


def in_save_file(text) -> list[str]:
    return [line.split()[-1] for line in text.splitlines() if line.startswith(("+{", "#{"))]


def filters(folder) -> dict[str, dict[str, str]]:
    """File name to value, as GTKWave writes it, to text."""
    lines = {
        path.stem: path.read_text().splitlines()
        for path in (folder / "views" / "filters").iterdir()
    }
    return {name: dict(line.split(" ", 1) for line in text) for name, text in lines.items()}


@pytest.mark.parametrize("mesh", MESHES)
def test_gtkwave_is_given_every_signal_of_the_vcd(tmp_path, mesh):
    save, _, _ = views(tmp_path, mesh)
    shown = Counter(in_save_file(save))
    assert set(shown) == declared(tmp_path) and len(shown) == len(signals(mesh))
    twice = {path for path, count in shown.items() if count > 1}
    assert twice == {
        path for path in shown if path.endswith(".state[2:0]")
    }  # once in its tile, once in the overview


@pytest.mark.parametrize("above", [(), ("TOP", "testbench", "mesh")])
def test_the_real_scope_path_is_used(tmp_path, above):
    save, state, commands = views(tmp_path, above=above)
    assert set(in_save_file(save)) == declared(tmp_path)
    path = ".".join([*above, "waves", "cycle"])
    assert f"variable_add {path}\n" in commands
    assert "strs: [" + ", ".join(f'"{name}"' for name in (*above, "waves")) + "]" in state


def test_groups_nest_and_names_differ(tmp_path):
    save, _, _ = views(tmp_path, "5x3")
    depth, flags = [], 0
    for line in save.splitlines():
        if line.startswith("@"):
            flags = int(line[1:], 16)
        elif line.startswith("-") and flags & 0x800000:
            depth.append(line)
        elif line.startswith("-"):
            assert flags & 0x1000000 and depth.pop() == line
    assert not depth
    labels = Counter(row.label for row in rows(arrange(read_header(tmp_path / "waves.vcd"))))
    assert max(labels.values()) == 1


def test_every_member_of_every_enumeration_has_its_name(tmp_path):
    views(tmp_path)
    found = filters(tmp_path)
    assert set(found) == {*ENUMS, "l1_waits.6"}
    for name, members in ENUMS.items():
        bits = int(name.split(".")[1])
        texts = {
            int(value, 2 if bits == 1 else 16): re.sub(r"^\?\w+\?", "", text)
            for value, text in found[name].items()
        }
        assert texts == {member.value: member.name for member in members}
        assert all(
            len(value) == -(-bits // 4) for value in found[name]
        )  # as many digits as GTKWave writes
    waits = found["l1_waits.6"]
    assert len(waits) == 1 << len(L1_CLIENTS) and waits["00"] == "-"
    assert waits["05"].endswith(f"?{L1_CLIENTS[0]}+{L1_CLIENTS[2]}")


def test_colours_are_known_to_both_viewers(tmp_path):
    views(tmp_path)
    colours = [
        match[1]
        for texts in filters(tmp_path).values()
        for text in texts.values()
        if (match := re.match(r"\?(\w+)\?", text))
    ]
    assert colours and all(is_color_like(colour) for colour in colours)
    mappings = list((tmp_path / "views" / ".surfer" / "mappings").iterdir())
    keys = [
        line.split()[0]
        for path in mappings
        for line in path.read_text().splitlines()
        if line[0].isdigit()
    ]
    assert keys and all(re.fullmatch(r"\d+(\[#[0-9a-f]{6}\])?", key) for key in keys)


def test_surfer_names_are_those_of_gtkwave(tmp_path):
    views(tmp_path)
    for name, texts in filters(tmp_path).items():
        table, bits = name.split(".")
        path = tmp_path / "views" / ".surfer" / "mappings" / f"flatmesh_{table}_{bits}.txt"
        first, second, *lines = path.read_text().splitlines()
        assert (first, second) == (f"Name = flatmesh_{table}_{bits}", f"Bits = {bits}")
        base = 2 if bits == "1" else 16
        ours = {int(re.match(r"\d+", line)[0]): line.split(" ", 1)[1] for line in lines}
        assert ours == {
            int(value, base): re.sub(r"^\?\w+\?", "", text) for value, text in texts.items()
        }


@pytest.mark.parametrize("mesh", MESHES)
def test_surfer_state_holds_the_same_rows_in_the_same_order(tmp_path, mesh):
    save, state, _ = views(tmp_path, mesh)
    nodes = re.findall(r"item_ref: \((\d+)\), level: (\d+),", state)
    items = re.findall(r"^ +\((\d+)\): (Variable|Group)\((.*)\),$", state, re.MULTILINE)
    assert (
        [ref for ref, _ in nodes]
        == [ref for ref, _, _ in items]
        == [str(ref) for ref in range(1, len(items) + 1)]
    )
    assert f"display_item_ref_counter: {len(items)}," in state
    levels = [int(level) for _, level in nodes]
    for before, kind, level in zip(
        [-1, *levels], ["Group", *(kind for _, kind, _ in items)], levels, strict=False
    ):
        assert level <= before + (kind == "Group")  # only a group has something one level deeper
    paths = []
    for _, kind, text in items:
        if kind == "Variable":
            scopes = re.search(r"strs: \[(.*?)\]", text)[1].replace('"', "").split(", ")
            paths.append(".".join([*scopes, re.search(r' name: "(\w+)"', text)[1]]))
    assert paths == [re.sub(r"\[.*\]", "", path) for path in in_save_file(save)]
    assert (
        state.count("(") == state.count(")")
        and state.count("{") == state.count("}")
        and state.count("[") == state.count("]")
    )


def test_surfer_finds_every_format_in_the_folder(tmp_path):
    _, state, commands = views(tmp_path)
    mappings = {path.stem for path in (tmp_path / "views" / ".surfer" / "mappings").iterdir()}
    assert set(re.findall(r'format: Some\("(\w+)"\)', state)) == mappings | BUILTIN
    assert set(re.findall(r"item_set_format (\w+)", commands)) == mappings | BUILTIN


def test_surfer_commands_give_each_row_its_own_format(tmp_path):
    save, _, commands = views(tmp_path, "5x3")
    known, items, focus = (
        {re.sub(r"\[.*\]", "", path): path for path in in_save_file(save)},
        [],
        None,
    )
    formats = {
        path: match[1]
        for match, path in zip(
            re.finditer(r"filters/(\S+)\.txt", save),
            (p for p in in_save_file(save) if has_names(p)),
            strict=True,
        )
    }
    for line in commands.splitlines():
        command, _, argument = line.partition(" ")
        if command in ("variable_add", "divider_add"):
            assert focus is None  # with a focus, Surfer would put it behind that item
            assert (
                command == "divider_add" and re.fullmatch(r"\w+", argument)
            ) or argument in known
            items.append(argument)
        elif command == "item_focus":
            focus = int(
                "".join(
                    "0123456789abcdef"["abcdefghijklmnop".index(letter)] for letter in argument
                ),
                16,
            )
            assert focus == len(items) - 1
        elif command == "item_unfocus":
            focus = None
        elif command == "item_set_format" and argument not in BUILTIN:
            assert argument == "flatmesh_" + formats[known[items[focus]]].replace(".", "_")
    scopes = re.findall(r"scope_add_as_group_recursive (\S+)", commands)
    assert scopes[0] == "mesh.waves.machine" and sum(".tile_" in scope for scope in scopes) == 15
    assert all(any(path.startswith(f"{scope}.") for path in known) for scope in scopes)


def has_names(path: str) -> bool:
    return re.sub(r"\[.*\]", "", path).split(".")[-1] in (
        "state",
        "opcode",
        "kind",
        "op",
        "fmt",
        "edge",
        "waits",
    )


def test_a_view_of_some_tiles_holds_those_and_their_channels(tmp_path):
    save, state, commands = views(tmp_path, "5x3", tiles=[(4, 1), (0, 0)])
    for text in (save, state, commands):
        assert set(re.findall(r"tile_\d+_\d+", text)) == {"tile_0_0", "tile_4_1"}
        assert set(re.findall(r"hbm_\d+_[a-z]+_(\d+_\d+)", text)) <= {"0_0", "4_1"}
    assert save.index("-tile 0,0") < save.index("-tile 4,1")


@pytest.mark.parametrize(
    ("tiles", "says"),
    [
        ([(2, 0)], r"no tile \(2, 0\); the VCD has tiles \(0, 0\) to \(1, 0\)"),
        ([], "no tile to show"),
    ],
)
def test_a_tile_that_is_not_there(tmp_path, tiles, says):
    with pytest.raises(UserError, match=says):
        views(tmp_path, tiles=tiles)
    assert not (tmp_path / "views").exists()


def test_the_view_starts_where_the_window_does(tmp_path):
    save, state, _ = views(tmp_path, first=10_000, cycles=25)
    assert "[timestart] 20000\n" in save and "wanted_timeunit: NanoSeconds" in state
    header = read_header(tmp_path / "waves.vcd")
    assert (header.first, header.last, header.unit) == (20_000, 20_049, "1ns")


def test_the_views_of_an_fst_open_the_fst(tmp_path):
    vcd = write_vcd(tmp_path / "waves.vcd", "2x1")
    save, state, _ = (
        path.read_text()
        for path in write_views(vcd, tmp_path / "views", dump=tmp_path / "waves.fst")
    )
    assert f'[dumpfile] "{tmp_path}/waves.fst"' in save
    assert f'source: File("{tmp_path}/waves.fst"),\n        format: Fst,' in state
