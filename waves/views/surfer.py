"""Writes a view for Surfer: a state file, a command file, and a mapping file for each kind of name.

The state file holds the whole view: groups, colours, formats. Its format belongs to one version of
Surfer (`VERSION`): fields that are missing make Surfer reject it, fields that it does not know are
ignored, and what is written here is what 0.4 to 0.7 ask for together. Commands stay, but cannot
nest groups or name rows: the command file shows what is unfolded in the view, and adds every tile
folded.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from matplotlib.colors import to_hex

from waves.views.header import Header
from waves.views.layout import Colour, Group, Radix, Row, rows
from waves.views.translations import Translation

__all__ = ["MAPPINGS", "VERSION", "command_file", "mapping_files", "state_file"]

VERSION = "0.7"
"""Version of Surfer that the state file is for."""
MAPPINGS = ".surfer/mappings"
"""Where Surfer looks for mapping files, from the folder it is started in."""

COLOURS = {
    Colour.HANDSHAKE: "Yellow",
    Colour.TRANSFER: "Orange",
    Colour.PLACE: "Blue",
    Colour.WORK: "Green",
    Colour.STALL: "Red",
}
"""Colours of Surfer's themes; a plain row has none."""
FORMATS = {Radix.UNSIGNED: "Unsigned", Radix.HEX: "Hexadecimal"}
"""Surfer's translators; it finds that of a single bit by itself."""
UNITS = {
    "fs": "FemtoSeconds",
    "ps": "PicoSeconds",
    "ns": "NanoSeconds",
    "us": "MicroSeconds",
    "ms": "MilliSeconds",
}

STATE = """\
// A view of {dump} for Surfer {version}. Start Surfer in the folder of this file,
// where it finds the names of values:
//     surfer --state-file {name} {dump}
(
    waves: Some((
        source: File({dump}),
        format: {format},
        active_scope: None,
        items_tree: (items: [
{tree}
        ]),
        displayed_items: {{
{items}
        }},
        display_item_ref_counter: {count},
        viewports: [(
            curr_left: (0.0), curr_right: (1.0), target_left: (0.0), target_right: (1.0),
            move_start_left: (0.0), move_start_right: (1.0), move_duration: None,
            move_strategy: Instant,
        )],
        cursor: None,
        markers: {{}},
        annotation_groups: [],
        annotation_list_visible: false,
        last_active_viewport_idx: 0,
        focused_item: None,
        focused_transaction: (None, None),
        default_variable_name_type: Unique,
        scroll_offset: 0.0,
        display_variable_indices: false,
        graphics: {{}},
    )),
    drag_started: false,
    blacklisted_translators: [],
    show_about: false,
    show_keys: false,
    show_gestures: false,
    show_quick_start: false,
    show_license: false,
    show_performance: false,
    show_logs: false,
    show_cursor_window: false,
    wanted_timeunit: {unit},
    show_url_entry: false,
    variable_name_filter_focused: false,
    variable_filter: (
        name_filter_type: Contain, name_filter_str: "", name_filter_case_insensitive: true,
        include_inputs: true, include_outputs: true, include_inouts: true, include_others: true,
        group_by_direction: false,
    ),
)
"""


def state_file(header: Header, view: Group, dump: Path) -> str:
    """Text of the state file for `dump`."""
    items = [item for inner in view.items for item in _flat(inner, 0)]
    return STATE.format(
        name="waves.surf.ron",
        version=VERSION,
        dump=_string(str(dump)),
        format="Fst" if dump.suffix == ".fst" else "Vcd",
        tree="\n".join(_node(ref, level, item) for ref, (level, item) in enumerate(items, 1)),
        items="\n".join(
            f"            ({ref}): {_item(ref, item)}," for ref, (_, item) in enumerate(items, 1)
        ),
        count=len(items),
        unit=UNITS.get(header.unit.lstrip("0123456789"), "None"),
    )


def command_file(header: Header, view: Group) -> str:
    """Text of the command file: what is unfolded in the view, with its looks; then each tile and
    channel, folded.
    """
    text = [
        f"# A view of {header.path.name} for any Surfer since 0.4. Start Surfer in the folder of "
        "this file:",
        "#     surfer --command-file waves.sucl " + str(header.path),
    ]
    for position, item in enumerate(_unfolded(view)):
        text += (
            _commands(item, position)
            if isinstance(item, Row)
            else [f"divider_add {re.sub(r'[^0-9a-z]+', '_', item.label)}"]
        )
    depth = len(header.root) + 1
    scopes = dict.fromkeys(
        ".".join(row.signal.scopes[:depth]) for row in rows(view) if len(row.signal.scopes) >= depth
    )
    text += [f"scope_add_as_group_recursive {scope}" for scope in scopes]
    return "\n".join([*text, "group_fold_all"]) + "\n"


def mapping_files(view: Group) -> dict[str, str]:
    """Name to text of each mapping file that the view needs."""
    return {
        f"{_mapping_name(row, names)}.txt": _mapping(row, names)
        for row in rows(view)
        if (names := row.translation)
    }


def _mapping_name(row: Row, names: Translation) -> str:
    return f"flatmesh_{names.name}_{row.signal.width}"


def _mapping(row: Row, names: Translation) -> str:
    colours = {
        entry.value: f"[{to_hex(entry.colour)}]" if entry.colour else "" for entry in names.entries
    }
    lines = [f"{entry.value}{colours[entry.value]} {entry.text}" for entry in names.entries]
    return (
        "\n".join([f"Name = {_mapping_name(row, names)}", f"Bits = {row.signal.width}", *lines])
        + "\n"
    )


def _format(row: Row) -> str | None:
    return _mapping_name(row, row.translation) if row.translation else FORMATS.get(row.radix)


def _flat(item: Row | Group, level: int) -> Iterator[tuple[int, Row | Group]]:
    """Items with their depth; a group comes before what is in it."""
    yield level, item
    for inner in item.items if isinstance(item, Group) else ():
        yield from _flat(inner, level + 1)


def _unfolded(group: Group) -> Iterator[Row | Group]:
    """Rows and groups that are seen when the view opens, without groups that are folded."""
    for item in group.items:
        if isinstance(item, Row):
            yield item
        elif item.unfolded:
            yield item
            yield from _unfolded(item)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _some(text: str | None) -> str:
    return f"Some({_string(text)})" if text else "None"


def _node(ref: int, level: int, item: Row | Group) -> str:
    unfolded = "true" if isinstance(item, Row) or item.unfolded else "false"
    return (
        f"            (item_ref: ({ref}), level: {level}, unfolded: {unfolded}, selected: false),"
    )


def _item(ref: int, item: Row | Group) -> str:
    """A displayed item. Surfer finds the variable by its path; the numbers must be there, and are
    looked up again.
    """
    if isinstance(item, Group):
        is_open = "true" if item.unfolded else "false"
        return (
            f"Group((name: {_string(item.label)}, color: None, background_color: None, content: "
            f"[], is_open: {is_open}))"
        )
    scopes = ", ".join(_string(scope) for scope in item.signal.scopes)
    return (
        f"Variable((variable_ref: (path: (strs: [{scopes}], id: Wellen(({ref}))), name: "
        f"{_string(item.signal.name)}, id: Wellen(({ref})), index: None), color: "
        f"{_some(COLOURS.get(item.colour))}, background_color: None, display_name: "
        f"{_string(item.signal.name)}, display_name_type: Unique, manual_name: "
        f"{_some(item.label)}, format: {_some(_format(item))}, field_formats: [], "
        "height_scaling_factor: None, analog: None))"
    )


def _commands(row: Row, position: int) -> list[str]:
    """Commands that add a row as number `position` from the top, and give it its format and
    colour.
    """
    looks = {"item_set_format": _format(row), "item_set_color": COLOURS.get(row.colour)}
    chosen = [f"{command} {look}" for command, look in looks.items() if look]
    added = f"variable_add {'.'.join((*row.signal.scopes, row.signal.name))}"
    return (
        [added, f"item_focus {_letters(position)}", *chosen, "item_unfocus"] if chosen else [added]
    )


def _letters(position: int) -> str:
    """A position as Surfer writes it: hexadecimal, with the letters a to p for digits."""
    return "".join("abcdefghijklmnop"[int(digit, 16)] for digit in f"{position:x}")
