"""Writes Tests/Fixtures/training/family-work.json: the operations of a model of each family as PyTorch counts them.

    python3 Tests/Goldens/make_family_work.py

`FlopCounterMode` sees every product of transformers' plain attention, forward and backward: those with weights, and those
inside sentences. All sentences are of one length, so that there is no padding; DeBERTa's table has as many rows as they
have distances, and one; ModernBERT's windows are as long as they are, so that all is computed there that is needed.
"""

import json
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForSequenceClassification

SENTENCES, LENGTH, LABELS = 3, 64, 3
SIZES = dict(vocab_size=50, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=80,
             max_position_embeddings=LENGTH + 4, num_labels=LABELS)
DISTILBERT = dict(vocab_size=50, dim=48, n_layers=3, n_heads=4, hidden_dim=80, max_position_embeddings=LENGTH,
                  num_labels=LABELS)
DEBERTA = SIZES | dict(relative_attention=True, max_relative_positions=LENGTH, position_biased_input=False,
                       type_vocab_size=0)
CASES: dict[str, tuple[str, dict]] = {
    "bert": ("bert", SIZES),
    "roberta": ("roberta", SIZES),
    "distilbert": ("distilbert", DISTILBERT),
    "electra": ("electra", SIZES | dict(embedding_size=20)),
    "mpnet": ("mpnet", SIZES),
    "deberta-v3": ("deberta-v2", DEBERTA | dict(pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm")),
    "deberta-c2p": ("deberta-v2", DEBERTA | dict(pos_att_type=["c2p"], embedding_size=20)),
    "modernbert": ("modernbert", SIZES | dict(local_attention=2 * LENGTH, pad_token_id=0)),
}


def products(counter: FlopCounterMode) -> dict[str, int]:
    """Of weights, and inside sentences."""
    counts = counter.get_flop_counts()["Global"]
    named = {str(operation).removeprefix("aten."): count for operation, count in counts.items()}
    unknown = set(named) - {"addmm", "mm", "bmm"}
    assert not unknown, unknown
    return {"linear": named.get("addmm", 0) + named.get("mm", 0), "attention": named["bmm"]}


def case(name: str, family: str, settings: dict) -> dict:
    settings = settings if family == "modernbert" else settings | {"pad_token_id": 1}
    config = AutoConfig.for_model(family, **settings)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").train()
    ids = torch.full((SENTENCES, LENGTH), 7)
    with FlopCounterMode(display=False) as forward:
        logits = model(input_ids=ids).logits
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    # The classifier, which has hardly any columns, is not counted.
    classifier = 2 * SENTENCES * LABELS * config.hidden_size
    found = {"name": name, "sentences": SENTENCES, "length": LENGTH}
    for part, counter, share in (("forward", forward, 1), ("backward", backward, 2)):
        found[part] = products(counter)
        found[part]["linear"] -= share * classifier
    members = config.to_dict()
    left_out = ("architectures", "dtype", "transformers_version")
    return found | {"config": {key: value for key, value in members.items() if key not in left_out}}


def main() -> None:
    cases = [case(name, family, settings) for name, (family, settings) in CASES.items()]
    path = Path(__file__).parents[1] / "Fixtures" / "training" / "family-work.json"
    path.write_text("[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
