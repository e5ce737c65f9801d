"""Language models as their public config.json describes them, and what follows from the shapes."""

import csv
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from isa.errors import UserError, meant
from isa.mistakes import mistake, where_in

__all__ = ["LanguageModel", "derived", "language_models", "load_language_model", "published"]

MODELS = Path(__file__).parent / "models"
_IGNORED = frozenset(
    {"architectures", "attention_bias", "attention_dropout", "auto_map", "aux_loss_alpha"}
    | {"bos_token_id", "decoder_sparse_step", "eos_token_id", "ep_size", "hidden_act"}
    | {"initializer_range", "max_position_embeddings", "max_window_layers", "mlp_bias"}
    | {"mlp_only_layers", "model_type", "moe_layer_freq", "norm_topk_prob", "output_router_logits"}
    | {"pad_token_id", "pretraining_tp", "quantization_config", "rms_norm_eps", "rope_scaling"}
    | {"rope_theta", "routed_scaling_factor", "router_aux_loss_coef", "scoring_func", "seq_aux"}
    | {"sliding_window", "topk_method", "torch_dtype", "transformers_version", "use_cache"}
    | {"use_sliding_window"}
)
"""Fields of public files that change neither shapes nor work here."""


class LanguageModel(BaseModel):
    """A decoder-only transformer; the fields are those of config.json on public model cards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, title="model")

    name: str = Field(min_length=1)
    hidden_size: int = Field(ge=1)
    intermediate_size: int = Field(ge=1, description="columns of a dense layer's gate")
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int = Field(ge=1)
    vocab_size: int = Field(ge=1)
    head_dim: int = Field(default=0, ge=0, description="0: hidden_size / num_attention_heads")
    tie_word_embeddings: bool = False
    attention_norms: bool = Field(default=False, description="norms of Q and K, as Qwen3 has them")
    # latent attention
    kv_lora_rank: int = Field(default=0, ge=0, description="0: no latent attention")
    q_lora_rank: int = Field(default=0, ge=0)
    qk_nope_head_dim: int = Field(default=0, ge=0)
    qk_rope_head_dim: int = Field(default=0, ge=0)
    v_head_dim: int = Field(default=0, ge=0)
    # experts
    n_routed_experts: int = Field(default=0, ge=0, description="0: all layers are dense")
    num_experts_per_tok: int = Field(default=0, ge=0)
    n_shared_experts: int = Field(default=0, ge=0)
    moe_intermediate_size: int = Field(default=0, ge=0)
    first_k_dense_replace: int = Field(default=0, ge=0, description="dense layers at the beginning")
    n_group: int = Field(default=1, ge=1)
    topk_group: int = Field(default=1, ge=1)
    num_nextn_predict_layers: int = Field(default=0, ge=0, description="layers that draft (MTP)")

    @model_validator(mode="after")
    def _consistent(self) -> "LanguageModel":
        heads, shared = self.num_attention_heads, self.num_key_value_heads
        if heads % shared:
            raise ValueError(f"num_key_value_heads must divide {heads} heads, not be {shared}")
        if not self.head_dim and self.hidden_size % heads:
            raise ValueError(f"head_dim is missing: {heads} heads do not divide hidden_size")
        latent = ("q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
        if self.kv_lora_rank and (lost := [name for name in latent if not getattr(self, name)]):
            raise ValueError(f"{lost[0]} must be given with kv_lora_rank")
        if self.n_routed_experts:
            if not 1 <= self.num_experts_per_tok <= self.n_routed_experts:
                raise ValueError(
                    f"num_experts_per_tok must be from 1 to {self.n_routed_experts}, not "
                    f"{self.num_experts_per_tok}"
                )
            if not self.moe_intermediate_size:
                raise ValueError("moe_intermediate_size must be given with experts")
            if self.n_routed_experts % self.n_group or self.topk_group > self.n_group:
                raise ValueError("n_group must divide n_routed_experts and be at least topk_group")
        return self

    @property
    def latent(self) -> bool:
        """Whether attention is on a latent (MLA)."""
        return self.kv_lora_rank > 0

    @property
    def width(self) -> int:
        """Columns of a head, where attention is not latent."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def moe_layers(self) -> int:
        """Layers with experts, those that draft left out."""
        return self.num_hidden_layers - self.first_k_dense_replace if self.n_routed_experts else 0

    @property
    def attention_parameters(self) -> int:
        """Of a layer: projections and their norms."""
        h, heads = self.hidden_size, self.num_attention_heads
        if self.latent:
            query = self.qk_nope_head_dim + self.qk_rope_head_dim
            value = self.qk_nope_head_dim + self.v_head_dim
            return (
                h * self.q_lora_rank
                + self.q_lora_rank * (1 + heads * query)
                + h * (self.kv_lora_rank + self.qk_rope_head_dim)
                + self.kv_lora_rank * (1 + heads * value)
                + heads * self.v_head_dim * h
            )
        both = 2 * self.width * (heads + self.num_key_value_heads) * h
        return both + 2 * self.width * self.attention_norms

    @property
    def expert_parameters(self) -> int:
        """Of one expert: gate, up and down."""
        return 3 * self.hidden_size * self.moe_intermediate_size

    def layer_parameters(self, *, moe: bool, experts: int | None = None) -> int:
        """Of a layer with two norms; `experts` counts the routed ones, all of them if None."""
        h = self.hidden_size
        common = self.attention_parameters + 2 * h
        if not moe:
            return common + 3 * h * self.intermediate_size
        routed = self.n_routed_experts if experts is None else experts
        router = self.n_routed_experts * (h + 1 * (self.n_group > 1))
        return common + router + (routed + self.n_shared_experts) * self.expert_parameters

    def _all(self, experts: int | None) -> int:
        dense = self.num_hidden_layers - self.moe_layers
        total = dense * self.layer_parameters(moe=False) + self.hidden_size
        if not self.moe_layers:
            return total
        return total + self.moe_layers * self.layer_parameters(moe=True, experts=experts)

    @property
    def embedding_parameters(self) -> int:
        """Of the embedding; the head has as many, unless they are tied."""
        return self.vocab_size * self.hidden_size

    @property
    def parameters(self) -> int:
        """All, layers that draft left out."""
        return self._all(None) + self.embedding_parameters * (2 - self.tie_word_embeddings)

    @property
    def draft_parameters(self) -> int:
        """Of the layers that draft: a decoder layer, a projection of two inputs, three norms."""
        layer = self.layer_parameters(moe=bool(self.n_routed_experts))
        each = layer + 2 * self.hidden_size**2 + 3 * self.hidden_size
        return self.num_nextn_predict_layers * each

    @property
    def active_parameters(self) -> int:
        """Those that a token meets: chosen experts only, the head, and not the embedding."""
        return self._all(self.num_experts_per_tok) + self.embedding_parameters

    def kv_bytes(self, element: int) -> int:
        """Bytes that a token leaves in the caches of all layers, `element` bytes a number."""
        if self.latent:
            return self.num_hidden_layers * (self.kv_lora_rank + self.qk_rope_head_dim) * element
        return 2 * self.num_hidden_layers * self.num_key_value_heads * self.width * element

    def flops_per_token(self, keys: float = 0) -> float:
        """Forward pass of one token that sees `keys` keys: two for each active parameter, and
        attention, of latents as trained (not absorbed).
        """
        both = 2 * self.width
        if self.latent:
            both = self.qk_nope_head_dim + self.qk_rope_head_dim + self.v_head_dim
        attention = 2 * self.num_hidden_layers * self.num_attention_heads * both * keys
        return 2.0 * self.active_parameters + attention


def language_models() -> list[str]:
    """Names of the models that come along."""
    return sorted(path.stem for path in MODELS.glob("*.json"))


def load_language_model(name: str) -> LanguageModel:
    """A bundled model, or the one that a config.json file describes.

    Raises
    ------
    UserError
        If there is no such model, or a field is unknown or wrong: one line that names it.
    """
    if name in language_models():
        path = MODELS / f"{name}.json"
    elif name.endswith(".json"):
        path = Path(name)
    else:
        known = [*language_models(), "FILE.json"]
        raise UserError(f"MODEL {name!r} is unknown: {meant(name, known)}")
    try:
        text = path.read_text()
        fields = json.loads(text)
    except OSError as error:
        raise UserError(f"MODEL file {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"MODEL file {path}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise UserError(f"MODEL file {path}: must be an object with the fields of a config.json")
    return _model(path, fields, text)


_RENAMED = {"num_experts": "n_routed_experts"}
"""Names that Qwen3 has for the same things."""


def _model(path: Path, fields: dict, text: str) -> LanguageModel:
    family: Literal["qwen3"] | str = str(fields.get("model_type", ""))
    kept = {_RENAMED.get(k, k): v for k, v in fields.items() if k not in _IGNORED}
    kept.setdefault("name", path.stem)
    kept.setdefault("attention_norms", family.startswith("qwen3"))
    try:
        return LanguageModel.model_validate({k: v for k, v in kept.items() if v is not None})
    except ValidationError as error:
        where = f"MODEL file {path}{where_in(text, error)}"
        raise UserError(f"{where}: {mistake(error, LanguageModel)}") from error


def derived(model: LanguageModel, quantity: str) -> float:
    """A quantity of `models/published.csv`, from the shapes.

    ``training_flops_4096`` is three forward passes of a token that sees half of 4096 keys.
    """
    if quantity == "kv_bytes_bf16":
        return model.kv_bytes(2)
    if quantity == "training_flops_4096":
        return 3 * model.flops_per_token(2048)
    if quantity == "inner_parameters":
        return model.parameters - model.embedding_parameters * (2 - model.tie_word_embeddings)
    return getattr(model, quantity)


def published() -> list[tuple[str, str, float, float, str]]:
    """Model, quantity, published value, per cent by which ours may differ, and source."""
    with (MODELS / "published.csv").open() as lines:
        return [
            (
                row["model"],
                row["quantity"],
                float(row["value"]),
                float(row["percent"]),
                row["source"],
            )
            for row in csv.DictReader(lines)
        ]
