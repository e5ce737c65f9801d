"""Dies that read prompts, beside dies that decode."""

from dataclasses import replace
from typing import NamedTuple

from isa.errors import UserError
from model.wafer.plan import Plan, Serving
from model.wafer.serving import Server

__all__ = ["PrefillSplit", "prefill_rules", "split_prefill"]


class PrefillSplit(NamedTuple):
    """How many of all dies read prompts, such that neither side waits for the other."""

    prefill_share: float
    """Of the dies."""
    prompts_per_second: float
    """Of a die that reads prompts."""
    first_token_seconds: float
    """Of a prompt, once its turn comes."""
    tokens_per_second_of_all: float
    """Output tokens for each die of both sides."""
    cache_bytes_per_second: float
    """Caches that go from one side to the other, for each die that decodes."""


def prefill_rules(serving: Serving, prompt: int) -> Serving:
    """The rules of a step that reads whole prompts."""
    if prompt < 2:
        raise UserError(f"REQUEST: a prompt must have at least 2 tokens, not {prompt}")
    return replace(serving, keys=prompt, speculative=prompt, draft=False)


def split_prefill(
    server: Server, serving: Serving, decode: Plan, prefill: Plan, lengths: tuple[int, int]
) -> PrefillSplit:
    """Deal out dies to requests of `lengths` (tokens of the prompt, tokens of the output).

    Parameters
    ----------
    decode, prefill
        Plans of both sides; each takes a whole number of wafers, or a part of one that its degrees
        divide evenly.

    Raises
    ------
    UserError
        As `Server.point`.
    """
    prompt, output = lengths
    reading = server.point(prefill_rules(serving, prompt), prefill)
    seconds = reading.step_seconds.cycles
    prompts = prefill.batch / seconds
    tokens = server.point(serving, decode).tokens_per_second_per_chip.cycles
    ratio = tokens / output / prompts
    share = ratio / (1 + ratio)
    caches = serving.model.kv_bytes(serving.bytes) * prompt
    return PrefillSplit(share, prompts, seconds, tokens * (1 - share), caches * tokens / output)
