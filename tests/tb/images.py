"""Program images of a few instructions."""

from isa.assembler import assemble

IDLE = {"matrix": "halt", "vector": "halt", "load": "halt", "out": "halt"}


def image(**queues: str) -> list[int]:
    """Program image with the given queues, the others halting at once."""
    return assemble(
        "\n".join(f".queue {name}\n{code}" for name, code in {**IDLE, **queues}.items())
    ).words()
