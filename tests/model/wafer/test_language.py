import json

import pytest

from isa.errors import UserError
from model.wafer.language import derived, language_models, load_language_model, published

ROWS = published()


@pytest.mark.parametrize(
    "name, quantity, value, percent",
    [row[:4] for row in ROWS],
    ids=[f"{r[0]} {r[1]}" for r in ROWS],
)
def test_shapes_give_what_is_published(name, quantity, value, percent):
    found = derived(load_language_model(name), quantity)
    assert found == pytest.approx(value, rel=percent / 100)


def test_every_model_has_a_published_number():
    assert {row[0] for row in ROWS} == set(language_models())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_sise": 1}, "hidden_sise: there is no such field: did you mean 'hidden_size'"),
        ({"num_key_value_heads": 3}, "num_key_value_heads must divide 32 heads, not be 3"),
        ({"hidden_size": 0}, "hidden_size = 0: must be a whole number from 1 up"),
        ({"kv_lora_rank": 512}, "q_lora_rank must be given with kv_lora_rank"),
        ({"num_experts": 8}, "num_experts_per_tok must be from 1 to 8, not 0"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, change, message):
    fields = {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "rope_theta": 500000.0,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(fields))
    assert load_language_model(str(path)).parameters == load_language_model("llama-3-8b").parameters
    path.write_text(json.dumps(fields | change))
    with pytest.raises(UserError, match=message) as caught:
        load_language_model(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_model_is_one_line():
    with pytest.raises(UserError, match="did you mean 'deepseek-v3'"):
        load_language_model("deepseek-v4")
