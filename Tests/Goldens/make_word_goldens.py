"""Writes Tests/Fixtures/words.json: adaptors with `align: words` in double precision, on taps of models whose tokens differ.

    python3 Tests/Goldens/make_word_goldens.py

Taps are random. What each model gives for tokens is pooled to words as docs/adaptors.md says; the losses of words are
those of `loss_reference.py`, and PyTorch differentiates them back to the student's tokens.
"""

import json
from pathlib import Path

import torch

from encoder_reference import Taps
from loss_reference import Adaptor, sentence_sum

HEADS, HEAD_SIZE, WIDTH = 2, 3, 6
# Of each sentence the words of the student's tokens and of the teacher's, −1 for tokens that no word has.
SENTENCES = [
    ([0, 1, 1, 2, 3, 4], [0, 1, 2, 2, 2, 3, 4]),
    ([0, 1], [0, 1, 1]),
    ([0, 1, 2, -1, 2, -1, 3], [0, 1, -1, 2, 3]),
    ([0], [0, -1]),
]
CASES = [
    Adaptor("HidnTinyBERT", layers=[[1, 1]]),
    Adaptor("HidnCosine", layers=[[1, 1]]),
    Adaptor("HidnPKD", layers=[[1, 1]]),
    Adaptor("EmbdTinyBERT"),
    Adaptor("Gram", layers=[[1, 1]]),
    Adaptor("NST", layers=[[1, 1]]),
    Adaptor("ValMiniLM"),
    Adaptor("RelationMiniLM", layers=[[1, 1]], heads=3),
    Adaptor("AttnMiniLM"),
    Adaptor("AttnTinyBERT", on="probabilities"),
    Adaptor("AttnTinyBERT", on="scores"),
    Adaptor("AttnMeanMiniLM"),
    Adaptor("AttnSumTinyBERT"),
]


def random_taps(tokens):
    def numbers(*shape):
        # As a file's 32-bit floats hold them.
        return (torch.randn(*shape).float()).double().requires_grad_()

    return {
        "hidden.0": numbers(tokens, WIDTH),
        "hidden.1": numbers(tokens, WIDTH),
        "scores.1": numbers(HEADS, tokens, tokens),
        "queries.1": numbers(tokens, WIDTH),
        "keys.1": numbers(tokens, WIDTH),
        "values.1": numbers(tokens, WIDTH),
    }


def pooled(taps, words):
    """Of words: rows are means; scores are the log of the sum of exponentials over keys, and means over queries."""
    members = [[i for i, word in enumerate(words) if word == w] for w in range(max(words) + 1)]

    def rows(x):
        return torch.stack([x[m].mean(dim=0) for m in members])

    def split(x):
        return rows(x).reshape(len(members), HEADS, HEAD_SIZE).transpose(0, 1)

    columns = torch.stack([torch.logsumexp(taps["scores.1"][:, :, m], dim=2) for m in members], dim=2)
    scores = torch.stack([columns[:, m].mean(dim=1) for m in members], dim=1)
    hidden = [rows(taps["hidden.0"]), rows(taps["hidden.1"])]
    nothing = torch.zeros(1, dtype=torch.float64)
    return Taps(
        nothing, hidden, [scores], [split(taps["queries.1"])], [split(taps["keys.1"])], [split(taps["values.1"])], nothing
    )


def main():
    torch.manual_seed(11)
    students = [random_taps(len(own)) for own, _ in SENTENCES]
    teachers = [random_taps(len(other)) for _, other in SENTENCES]
    cases = []
    for adaptor in CASES:
        loss = sum(
            sentence_sum(adaptor, pooled(s, own), pooled(t, other), adaptor.pairs(1, 1), {})
            for s, t, (own, other) in zip(students, teachers, SENTENCES)
        )
        leaves = [(name, taps[name]) for taps in students for name in taps]
        found = torch.autograd.grad(loss, [leaf for _, leaf in leaves], allow_unused=True)
        gradient = {}
        for (name, _), d in zip(leaves, found):
            if d is not None:
                gradient.setdefault(name, []).extend(round(x, 9) for x in d.flatten().tolist())
        cases.append({"adaptor": adaptor.described() | {"align": "words"}, "loss": loss.item(), "gradient": gradient})

    def flat(models):
        names = list(models[0])
        return {n: [x for taps in models for x in taps[n].detach().float().flatten().tolist()] for n in names}

    out = {
        "own": [own for own, _ in SENTENCES], "other": [other for _, other in SENTENCES],
        "student": flat(students), "teacher": flat(teachers), "cases": cases,
    }
    path = Path(__file__).resolve().parents[1] / "Fixtures/words.json"
    path.write_text(json.dumps(out) + "\n")
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
