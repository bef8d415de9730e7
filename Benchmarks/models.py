"""Model directories for the workloads, written once: bert-base's size and the student's with random weights (speed
does not depend on their values), and the real MiniLM with a new three-class head."""

import os
import shutil

from workloads import BERT_BASE, LABELS, MINILM, SEED, STUDENT_312, WORKLOADS, Shape

TOKENIZER_FILES = ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]


def prepare(cache: str, minilm: str) -> None:
    """Writes what is missing under `cache`; `minilm` is the directory of the real checkpoint."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    def finished(name: str) -> bool:
        return os.path.exists(f"{cache}/{name}/model.safetensors")

    def save(model, name: str) -> None:
        partial = f"{cache}/{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        model.save_pretrained(partial)
        for file in TOKENIZER_FILES:
            if os.path.exists(f"{minilm}/{file}"):
                shutil.copy(f"{minilm}/{file}", partial)
        shutil.rmtree(f"{cache}/{name}", ignore_errors=True)
        os.rename(partial, f"{cache}/{name}")

    labels = {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}

    def random(shape: Shape):
        torch.manual_seed(SEED)
        return BertForSequenceClassification(
            BertConfig(
                hidden_size=shape.hidden, num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
                intermediate_size=shape.inner, **labels))

    os.makedirs(cache, exist_ok=True)
    if not finished("bert-base"):
        save(random(BERT_BASE), "bert-base")
    if not finished("student-312"):
        save(random(STUDENT_312), "student-312")
    if not finished("minilm"):
        torch.manual_seed(SEED)
        model = BertForSequenceClassification.from_pretrained(minilm, **labels)
        assert model.config.num_hidden_layers == MINILM.layers and model.config.hidden_size == MINILM.hidden
        save(model, "minilm")
    if not finished("minilm-3"):
        model = BertForSequenceClassification.from_pretrained(f"{cache}/minilm")
        kept = [model.bert.encoder.layer[layer - 1] for layer in WORKLOADS["F"].layers]
        model.bert.encoder.layer = torch.nn.ModuleList(kept)
        model.config.num_hidden_layers = len(kept)
        save(model, "minilm-3")
