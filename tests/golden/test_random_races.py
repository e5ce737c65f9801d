"""Random programs: where no race is found, every order of events gives the same bits."""

import random
from collections import Counter

import numpy as np

from golden.dry import check
from golden.errors import GoldenError
from isa.assembler import assemble
from tests.golden.mesh import MATMUL, golden, queues, small

RECTANGLE = {(0,): "0,0:0,0", (1,): "1,0:1,0", (0, 1): "0,0:1,0"}


def random_program(seed):
    """Instructions in one order that the tiles' queues and most pairs of neighbours keep, by counts
    that may be mistaken.
    """
    r = random.Random(seed)
    span, semaphores, density = (
        r.choice([3, 6, 12]),
        r.choice([2, 4, 8, 31]),
        r.choice([0.6, 0.85, 1, 1]),
    )

    def word():
        return r.randrange(span)

    def instruction():
        x, queue, to = (
            r.randrange(2),
            r.choice(["matrix", "vector", "vector", "load", "out", "out"]),
            (),
        )
        if queue == "matrix":
            text = MATMUL.format(word(), word(), word(), r.choice(["", "accumulate"])).replace(
                "m=4", "m=1"
            )
        elif queue == "vector":
            text = (
                r.choice(["copy a={} d={}", "addv a={} b={} d={}", "fill d={} imm=3.0"])
                + " m=1 n=4"
            )
            text = text.format(word(), word(), word())
        else:
            to = r.choice(list(RECTANGLE))
            if queue == "load" or r.random() < 0.6:
                text = f"{'load edge=west' if queue == 'load' else 'put'} rect={RECTANGLE[to]}"
            else:
                text, to = "store edge=west", (x,)
            text += f" local={word()} remote={word()} rows=1 words={r.randint(1, 2)}"
        return {"x": x, "queue": queue, "text": text, "to": to, "waits": Counter()}

    def link(a, b):
        s = r.randrange(semaphores)
        if b["x"] in a["to"] and r.random() < 0.8:
            s = a.setdefault("bump", s)
        elif a["x"] == b["x"] and "signal" not in a:
            a["signal"] = s
        elif "remote" not in a:
            a["remote"] = f"{s}@{b['x']},0"
        else:
            return
        if len(b["waits"]) < 2 or s in b["waits"]:
            b["waits"][s] += 1

    items = [instruction() for _ in range(r.randint(2, 9))]
    for i in range(len(items) - 1):
        if r.random() < density:
            link(items[i], items[i + 1])
        if r.random() < 0.3:
            link(items[i], r.choice(items[i + 1 :]))
    code = {0: {}, 1: {}}
    for item in items:
        text = item["text"] + "".join(
            f" {name}={item[name]}" for name in ("signal", "remote") if name in item
        )
        text += f" bump sem={item['bump']}" if "bump" in item else ""
        text += (
            " wait=" + ",".join(f"{s}:{n}" for s, n in item["waits"].items())
            if item["waits"]
            else ""
        )
        code[item["x"]].setdefault(item["queue"], []).append(text)
    return {(x, 0): assemble(queues(**mine)) for x, mine in code.items()}


def outcomes(machine, images, runs):
    """What is in memory after a run, for several orders of events; those that never end do not
    count.
    """
    found = set()
    hbm = {c.index: np.arange(1, 257, dtype=np.float32).view(np.uint32) for c in machine.channels}
    for seed in range(runs):
        result = golden(machine, images, hbm, seed=seed)
        for (x, _), memory in result.l1.items():
            memory.view(np.float32)[:64] = np.arange(64) + 100 * x + 1
        try:
            result.run()
        except GoldenError:
            continue
        found.add(b"".join(memory.tobytes() for memory in (*result.l1.values(), *result.hbm)))
    return found


def test_programs_without_a_race_give_the_same_bits_in_every_order():
    machine = small("2x1")
    clean = racing = 0
    for seed in range(120):
        images = random_program(seed)
        try:
            found = check(machine, images).races
        except GoldenError:
            continue
        several = len(outcomes(machine, images, 8)) > 1
        assert found or not several, f"random program {seed} has no race, but several outcomes"
        clean += not found
        racing += several
    assert clean > 25 and racing > 15
