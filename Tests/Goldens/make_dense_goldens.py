"""Writes Tests/Fixtures/dense: models of sentence vectors with a Dense, as sentence-transformers saves them, their vectors
and gradients in float64.

pip install "torch==2.13.0+cpu" "transformers==5.23.0" "sentence-transformers==6.2.0" safetensors numpy
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.sentence_transformer.modules import Pooling

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"
# Pooling, whether vectors are normalised, the Dense's width, bias and activation, and whether its weights are pickled.
CASES = {
    "tanh": ("mean", False, 5, True, torch.nn.Tanh(), False),
    "identity-normalized": ("cls", True, 9, False, torch.nn.Identity(), False),
    "tanh-normalized": ("max", True, 3, True, torch.nn.Tanh(), True),
}
KEPT = ["config.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "2_Dense/config.json"]


def drawn(random: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.tensor(random.normal(size=shape) * 0.5, dtype=torch.float32)


def build(base: Path, name: str, random: np.random.Generator) -> SentenceTransformer:
    pooling, normalize, width, bias, activation, _ = CASES[name]
    transformer = Transformer(str(base))
    hidden = transformer.get_embedding_dimension()
    dense = Dense(
        hidden, width, bias=bias, activation_function=activation, init_weight=drawn(random, width, hidden),
        init_bias=drawn(random, width),
    )
    modules = [transformer, Pooling(hidden, pooling_mode=pooling), dense] + ([Normalize()] if normalize else [])
    return SentenceTransformer(modules=modules, device="cpu").eval()


def save(model: SentenceTransformer, directory: Path, pickled: bool) -> None:
    """What it saves, without the tokenizer, which no test reads."""
    weights = "pytorch_model.bin" if pickled else "model.safetensors"
    with tempfile.TemporaryDirectory() as work:
        model.save(work, create_model_card=False)
        if pickled:
            torch.save(model[2].state_dict(), Path(work) / "2_Dense" / weights)
        for name in KEPT + [f"2_Dense/{weights}"]:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(work) / name, directory / name)


def results(model: SentenceTransformer, random: np.random.Generator) -> tuple[dict, dict]:
    """Vectors a sentence at a time, and the gradient of their product with given numbers."""
    model = model.double()
    sentences = [random.integers(4, 13, length).tolist() for length in (5, 1, 7)]
    vectors = []
    for sentence in sentences:
        ids = torch.tensor([sentence])
        vectors.append(model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["sentence_embedding"][0])
    factors = [[round(float(x), 4) for x in row] for row in random.normal(size=(len(sentences), len(vectors[0])))]
    (torch.stack(vectors) * torch.tensor(factors, dtype=torch.float64)).sum().backward()
    gradients = {}
    for key, parameter in model.named_parameters():
        if parameter.grad is not None:
            inside = key.startswith("0.")
            own = f"bert.{key[min(key.find(part) for part in PARTS if part in key):]}" if inside else f"2_Dense.{key[2:]}"
            gradients[own] = parameter.grad.float().contiguous()
    return {"sentences": sentences, "factors": factors, "vectors": [vector.tolist() for vector in vectors]}, gradients


# Of a BERT, behind whatever the module calls it.
PARTS = ("embeddings.", "encoder.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FIXTURES / "dense")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    cases = []
    with tempfile.TemporaryDirectory() as work:
        base = Path(work)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(FIXTURES / "tasks/tokens/bert" / name, base / name)
        for name in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(FIXTURES / "tokenizer" / name, base / name)
        for seed, name in enumerate(CASES):
            torch.manual_seed(seed)
            random = np.random.default_rng(seed)
            model = build(base, name, random)
            save(model, output / name, pickled=CASES[name][-1])
            case, gradients = results(model, random)
            cases.append({"name": name} | case)
            save_file(gradients, output / name / "gradients.safetensors")
    lines = ",\n".join(json.dumps(case) for case in cases)
    (output / "cases.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
