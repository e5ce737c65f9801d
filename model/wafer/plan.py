"""How a model is spread over dies, and whether it fits their memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from isa.errors import UserError
from isa.formats import FORMATS
from model.wafer.description import GIB, Wafer
from model.wafer.kernels import DATAFLOW, ELEMENT_FORMATS
from model.wafer.language import LanguageModel
from model.wafer.routing import ExpertRouting
from model.wafer.traffic import COPIES, place

__all__ = ["Plan", "Serving", "expert_rows", "memory_gib", "stages_of"]


@dataclass(frozen=True)
class Serving:
    """What is served, and by which rules; the defaults are those of arXiv 2604.02110."""

    model: LanguageModel
    keys: int = 4096
    """Keys that attention reads for each request."""
    speculative: int = 2
    """Tokens of a request that a step checks."""
    acceptance: float = 0.7
    """Probability that a drafted token is right, given that those before it are."""
    element: str = "fp8"
    attention: str = "flat"
    copies: str = "expert"
    overlap: bool = False
    """Two micro-batches: while one computes, the other's tokens are between dies."""
    draft: bool = True
    """The layers that draft are run too."""
    combined_bytes: int = 0
    """Bytes of a number that an expert sends back; 0: as `element`."""
    popularity: tuple[float, ...] = ()
    """Of each expert; empty: even, and balanced to the token."""

    def __post_init__(self) -> None:
        for name, value in (("KV", self.keys), ("DRAFTS", self.speculative)):
            if value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.acceptance <= 1:
            raise UserError(f"ACCEPTANCE must be from 0 to 1, not {self.acceptance:g}")
        for name, known in (
            ("element", ELEMENT_FORMATS),
            ("attention", tuple(DATAFLOW)),
            ("copies", COPIES),
        ):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name.upper()} must be one of {', '.join(known)}, not {getattr(self, name)!r}"
                )

    @property
    def bytes(self) -> int:
        """Bytes of an element of weights and caches."""
        return FORMATS[ELEMENT_FORMATS[self.element]].bytes

    @property
    def tokens_per_step(self) -> float:
        """Mean tokens that a request gains in a step: one, and drafted ones up to the first that is
        wrong.
        """
        return sum(self.acceptance**i for i in range(self.speculative))

    @cached_property
    def routing(self) -> ExpertRouting | None:
        """Which experts tokens take, in a model that has some."""
        model = self.model
        if not model.n_routed_experts:
            return None
        return ExpertRouting(
            model.n_routed_experts,
            model.num_experts_per_tok,
            model.n_group,
            model.topk_group,
            self.popularity,
        )


@dataclass(frozen=True)
class Plan:
    """Degrees of parallelism: dies = pipeline · (expert groups) · expert."""

    pipeline: int = 1
    """Stages, each with consecutive layers."""
    expert: int = 1
    """Dies that share the routed experts; attention is data-parallel over them."""
    tensor: int = 1
    """Dies that share heads and dense layers."""
    batch: int = 1
    """Requests of a die in one step of a stage; as many steps as stages are on their way."""

    def describe(self) -> str:
        """As the papers write it."""
        parts = [f"EP{self.expert}"] if self.expert > 1 else []
        parts += [f"TP{self.tensor}"] if self.tensor > 1 else []
        parts += [f"PP{self.pipeline}"] if self.pipeline > 1 else []
        return "-".join(parts) or "DP"

    def check(self, wafer: Wafer, model: LanguageModel) -> None:
        """Whether the degrees divide what they share out.

        Raises
        ------
        UserError
            One line that says what does not.
        """
        dies = wafer.fabric.dies
        for name, value in (
            ("BATCH", self.batch),
            ("PP", self.pipeline),
            ("EP", self.expert),
            ("TP", self.tensor),
        ):
            if value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        if dies % self.pipeline:
            raise UserError(f"PP must divide the {dies} dies, not be {self.pipeline}")
        if self.pipeline > model.num_hidden_layers:
            raise UserError(
                f"PP must be at most the {model.num_hidden_layers} layers, not {self.pipeline}"
            )
        stage = dies // self.pipeline
        if stage % self.expert:
            raise UserError(f"EP must divide the {stage} dies of a stage, not be {self.expert}")
        if not model.n_routed_experts and self.expert > 1:
            raise UserError(f"EP must be 1: {model.name} has no experts, not {self.expert}")
        if model.n_routed_experts and model.n_routed_experts % self.expert:
            raise UserError(
                f"EP must divide the {model.n_routed_experts} experts, not be {self.expert}"
            )
        if stage % self.tensor or model.num_attention_heads % self.tensor:
            raise UserError(
                f"TP must divide the {stage} dies of a stage and {model.num_attention_heads} "
                f"heads, not be {self.tensor}"
            )
        if model.intermediate_size % self.tensor:
            raise UserError(
                f"TP must divide intermediate_size {model.intermediate_size}, not be {self.tensor}"
            )
        if model.n_routed_experts and self.expert % self.tensor:
            raise UserError(f"TP must divide EP={self.expert}, not be {self.tensor}")

    @property
    def group(self) -> int:
        """Dies that exchange tokens, or partial sums, within a stage."""
        return max(self.expert, self.tensor)


def stages_of(wafer: Wafer, plan: Plan) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Dies of each stage, by groups that exchange tokens: (stages, groups, dies)."""
    parts = place(wafer.fabric, wafer.fabric.dies // plan.group)
    each = len(parts) // plan.pipeline
    return tuple(parts[stage * each : (stage + 1) * each] for stage in range(plan.pipeline))


def expert_rows(serving: Serving, plan: Plan, batch: int) -> tuple[int, ...]:
    """Tokens that come to each routed expert of the die that most tokens come to.

    Even popularity is balanced to the token, as in arXiv 2604.02110. Otherwise the number of an
    expert's tokens is rounded up to 16, so that kernels of nearly equal size are one.
    """
    routing = serving.routing
    if routing is None:
        return ()
    held = routing.experts // plan.expert
    tokens = plan.expert * batch * serving.speculative
    if routing.even:
        return (-(-tokens * routing.chosen // routing.experts),) * held
    by_die = (tokens * routing.loads()).reshape(plan.expert, held)
    worst = by_die[by_die.sum(axis=1).argmax()]
    return tuple(sorted(-(-int(-(-rows // 1)) // 16) * 16 for rows in worst))


def memory_gib(serving: Serving, plan: Plan, cuts: Sequence[int]) -> float:
    """GiB that the fullest die needs: weights, caches, and buffers of one layer.

    Parameters
    ----------
    cuts
        Layers of each stage, in order; the last stage has head and drafting layers too.
    """
    model, size, worst, first = serving.model, serving.bytes, 0.0, 0
    for stage, layers in enumerate(cuts):
        here = range(first, first + layers)
        first += layers
        moe = sum(layer >= model.first_k_dense_replace for layer in here) * bool(model.moe_layers)
        weights = moe * _weights(model, plan, moe=True) + (layers - moe) * _weights(model, plan)
        kept = layers
        if stage == len(cuts) - 1:
            weights += model.embedding_parameters / plan.tensor
            if serving.draft and serving.speculative > 1 and model.num_nextn_predict_layers:
                weights += _weights(model, plan, moe=bool(model.moe_layers))
                weights += 2 * model.hidden_size**2
                kept += model.num_nextn_predict_layers
        if stage == 0:
            weights += model.embedding_parameters / plan.tensor
        split = 1 if model.latent else min(plan.tensor, model.num_key_value_heads)
        requests = plan.batch * plan.tensor * plan.pipeline
        token = model.kv_bytes(size) / model.num_hidden_layers / split
        caches = requests * serving.keys * kept * token
        worst = max(worst, weights * size + caches + _buffers(serving, plan))
    return worst / GIB


def _weights(model: LanguageModel, plan: Plan, *, moe: bool = False) -> float:
    """Parameters of a layer that a die holds."""
    attention = model.attention_parameters / plan.tensor
    if not moe:
        return attention + 3 * model.hidden_size * model.intermediate_size / plan.tensor
    experts = model.n_routed_experts / plan.expert + model.n_shared_experts
    router = model.n_routed_experts * model.hidden_size
    return attention + router + experts * model.expert_parameters


def _buffers(serving: Serving, plan: Plan) -> float:
    """Bytes of a layer's inputs, results and received tokens."""
    model, tokens = serving.model, plan.batch * serving.speculative * plan.tensor
    heads = model.num_attention_heads // plan.tensor
    width = model.kv_lora_rank + model.qk_rope_head_dim if model.latent else model.width
    rows = sum(expert_rows(serving, plan, plan.batch))
    columns = 2 * model.hidden_size + 2 * heads * width
    ends = 2 * model.intermediate_size // plan.tensor
    experts = rows * (model.hidden_size + 3 * model.moe_intermediate_size)
    return 2.0 * (tokens * (columns + ends) + experts)
