"""What must hold for a Chrome trace."""

from collections import defaultdict

from waves.read.recording import Recording


def identity(event: dict) -> tuple[int, int] | int | None:
    """What ties the two ends of something together: a number, which counts in its process if it is
    a local one.
    """
    return (event["pid"], int(event["id2"]["local"])) if "id2" in event else event.get("id")


def check(events: list[dict], recording: Recording) -> None:
    """What the viewers demand of a trace."""
    for event in events:
        assert (
            event["ph"] in "MXbesfCi"
            and event["name"]
            and isinstance(event["pid"], int)
            and isinstance(event.get("id", 1), int)
        )
        if event["ph"] != "M":
            assert recording.first <= event["ts"] <= recording.last + 1 and event["cat"]
    processes = {e["pid"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    threads = {
        (e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"
    }
    assert {e["pid"] for e in events} == processes
    assert len({tid for _, tid in threads}) == len(threads) and all(tid > 0 for _, tid in threads)
    slices = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            slices[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
    assert slices.keys() <= threads
    for found in slices.values():
        opened: list[int] = []
        for begin, duration in sorted(found):
            end = begin - duration
            while opened and opened[-1] <= begin:
                opened.pop()
            assert duration <= 0 and end <= recording.last + 1 and (not opened or end <= opened[-1])
            opened.append(end)
    for begins, ends in (("b", "e"), ("s", "f")):
        pairs = [
            {(e["cat"], e["name"], identity(e)): e["ts"] for e in events if e["ph"] == phase}
            for phase in (begins, ends)
        ]
        assert pairs[0].keys() == pairs[1].keys() and all(
            pairs[0][key] <= pairs[1][key] for key in pairs[0]
        )
        assert (
            len(pairs[0])
            == sum(e["ph"] == begins for e in events)
            == sum(e["ph"] == ends for e in events)
        )
    for event in events:
        if event["ph"] in "sf":
            inside = [b <= event["ts"] < b - d for b, d in slices[event["pid"], event["tid"]]]
            assert any(inside), f"an arrow that binds to no slice: {event}"
