"""A decoder layer, the head and the drafting layer as kernels and transfers, of one die."""

from collections.abc import Sequence
from dataclasses import dataclass

from isa.formats import FORMATS
from isa.instructions import Format
from model.wafer.kernels import (
    ELEMENT_FORMATS,
    Kernel,
    choice,
    gated,
    norm,
    residual,
    rope,
    weighted_sum,
)
from model.wafer.language import LanguageModel
from programs.attention.workload import Attention
from programs.gemm.workload import Gemm

__all__ = ["DieStep", "Send", "decoder_layer", "draft_layer", "head"]


@dataclass(frozen=True)
class Send:
    """A transfer between dies: bytes of one token, and tokens of one die."""

    what: str
    """dispatch, combine, exchange (half an all-reduce) or hand-over."""
    token_bytes: int
    tokens: int


Step = Kernel | Send


@dataclass(frozen=True)
class DieStep:
    """What one die does in a step of decoding, or of prefill."""

    model: LanguageModel
    requests: int
    """Whose attention the dies of a tensor-parallel group do together."""
    queries: int
    """Tokens of a request in this step: the speculative length, or those of a prompt."""
    keys: int
    """Keys that attention reads for each request, those of this step included."""
    tensor: int = 1
    """Dies that share heads, and columns of dense layers."""
    expert_rows: tuple[int, ...] = ()
    """Tokens that come to each of the die's routed experts."""
    element: str = "fp8"
    attention: str = "flat"
    combined_bytes: int = 0
    """Bytes of a number that an expert sends back; 0: those of `element`."""

    @property
    def fmt(self) -> Format:
        """Format of weights, caches and inputs of matrix products."""
        return ELEMENT_FORMATS[self.element]

    @property
    def bytes(self) -> int:
        """Bytes of an element."""
        return FORMATS[self.fmt].bytes

    @property
    def tokens(self) -> int:
        """Of the tensor-parallel group."""
        return self.requests * self.queries

    @property
    def own(self) -> int:
        """Tokens whose experts this die sees to."""
        return -(-self.tokens // self.tensor)

    @property
    def prefill(self) -> bool:
        """Whether all keys are of this step."""
        return self.queries > 1 and self.keys == self.queries

    def gemm(self, part: str, name: str, m: int, n: int, k: int, batch: int = 1) -> Kernel:
        """A product whose result is BF16."""
        return Kernel(name, part, Gemm(m, n, k, batch, self.fmt, Format.BF16))


def _attention(step: DieStep) -> list[Step]:
    """From the layer's input to the projection of the heads' results, a share of the heads."""
    model, t, e = step.model, step.tokens, step.bytes
    h, heads = model.hidden_size, model.num_attention_heads // step.tensor
    steps: list[Step] = [Kernel("norm", "pointwise", norm(t, h, e))]
    if model.latent:
        query, latent, rotated = model.q_lora_rank, model.kv_lora_rank, model.qk_rope_head_dim
        nope, value = model.qk_nope_head_dim, model.v_head_dim
        steps += [
            step.gemm("projection", "down", t, query + latent + rotated, h),
            Kernel("norm of latents", "pointwise", norm(t, query + latent, e)),
            step.gemm("projection", "queries", t, heads * (nope + rotated), query),
            Kernel("rope", "pointwise", rope(t, (heads + 1) * rotated, e)),
        ]
        if not step.prefill:
            work = _decode(step, heads, 1, latent + rotated, latent, shared=True)
            steps += [
                step.gemm("projection", "absorb K", t, latent, nope, heads),
                Kernel("attention", "attention", work, step.attention),
                step.gemm("projection", "absorb V", t, value, latent, heads),
            ]
        else:
            steps += [
                step.gemm("projection", "keys and values", t, heads * (nope + value), latent),
                Kernel(
                    "attention",
                    "attention",
                    _decode(step, heads, heads, nope + rotated, value, shared=False),
                    step.attention,
                ),
            ]
        return [*steps, step.gemm("projection", "output", t, h, heads * value)]
    width, shared = model.width, max(1, model.num_key_value_heads // step.tensor)
    steps.append(
        step.gemm("projection", "queries, keys, values", t, (heads + 2 * shared) * width, h)
    )
    if model.attention_norms:
        rows = t * (heads + shared)
        steps.append(Kernel("norm of heads", "pointwise", norm(rows, width, 2)))
    return [
        *steps,
        Kernel("rope", "pointwise", rope(t, (heads + shared) * width, e)),
        Kernel(
            "attention",
            "attention",
            _decode(step, heads, shared, width, width, shared=False),
            step.attention,
        ),
        step.gemm("projection", "output", t, h, heads * width),
    ]


def _decode(
    step: DieStep, heads: int, kv_heads: int, d: int, dv: int, *, shared: bool
) -> Attention:
    return Attention(
        heads=step.requests * heads,
        kv_heads=step.requests * kv_heads,
        sq=step.queries,
        skv=step.keys,
        d=d,
        dv=dv,
        fmt=step.fmt,
        o_fmt=step.fmt,
        causal=step.queries > 1,
        latent=shared,
    )


def _feed_forward(step: DieStep, part: str, rows: int, inner: int, batch: int = 1) -> list[Step]:
    h = step.model.hidden_size
    return [
        step.gemm(part, "gate and up", rows, 2 * inner, h, batch),
        Kernel("gate", "pointwise", gated(rows * batch, inner, step.bytes)),
        step.gemm(part, "down", rows, h, inner, batch),
    ]


def _experts(step: DieStep) -> list[Step]:
    model, h, own = step.model, step.model.hidden_size, step.own
    chosen, back = model.num_experts_per_tok, step.combined_bytes or step.bytes
    steps: list[Step] = [
        step.gemm("experts", "router", own, model.n_routed_experts, h),
        Kernel("choice", "pointwise", choice(own, model.n_routed_experts, chosen)),
        Send("dispatch", h * step.bytes, own),
    ]
    if model.n_shared_experts:
        inner = model.n_shared_experts * model.moe_intermediate_size
        steps += _feed_forward(step, "experts", own, inner)
    for rows, batch in _equal(step.expert_rows):
        steps += _feed_forward(step, "experts", rows, model.moe_intermediate_size, batch)
    return [
        *steps,
        Send("combine", h * back, own),
        Kernel("sum of experts", "pointwise", weighted_sum(own, h, chosen, back)),
    ]


def _equal(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers of tokens above 0, each with the number of experts that have so many."""
    return [(value, rows.count(value)) for value in sorted(set(rows)) if value]


def decoder_layer(step: DieStep, *, moe: bool) -> list[Step]:
    """A layer in order, two norms and two residual sums included.

    Tensor-parallel dies add up what attention gives (two exchanges, or before experts, whose tokens
    they share out, one), and what the dense layer gives, or collect the tokens again.
    """
    h = step.model.hidden_size
    exchange = [Send("exchange", 2 * h, step.tokens)] if step.tensor > 1 else []
    rows = step.own if moe else step.tokens
    between: list[Step] = [
        Kernel("residual", "pointwise", residual(rows, h)),
        Kernel("norm", "pointwise", norm(rows, h, step.bytes)),
    ]
    after: list[Step] = [Kernel("residual", "pointwise", residual(rows, h))]
    if moe:
        return [*_attention(step), *exchange, *between, *_experts(step), *after, *exchange]
    inner = step.model.intermediate_size // step.tensor
    dense = _feed_forward(step, "dense", step.tokens, inner)
    return [*_attention(step), *exchange * 2, *between, *dense, *exchange * 2, *after]


def head(step: DieStep) -> list[Step]:
    """The last norm, and logits of every token, or of each prompt's last one, the vocabulary shared
    by the tensor-parallel dies.
    """
    model, t = step.model, step.requests if step.prefill else step.tokens
    vocabulary = -(-model.vocab_size // step.tensor)
    return [
        Kernel("norm", "pointwise", norm(t, model.hidden_size, step.bytes)),
        step.gemm("head", "logits", t, vocabulary, model.hidden_size),
    ]


def draft_layer(step: DieStep) -> list[Step]:
    """A module that drafts the next token: two norms, a projection of both inputs, a decoder layer,
    the head.
    """
    model, t, h = step.model, step.tokens, step.model.hidden_size
    return [
        Kernel("norm", "pointwise", norm(2 * t, h, step.bytes)),
        step.gemm("projection", "draft", t, h, 2 * h),
        *decoder_layer(step, moe=bool(model.n_routed_experts)),
        *head(step),
    ]
