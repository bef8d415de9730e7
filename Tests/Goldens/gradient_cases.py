"""The cases of the gradient goldens: each adaptor alone in each variant, then mixtures."""

from dataclasses import asdict, dataclass

from loss_reference import Adaptor

CROSSED = [[1, 4], [2, 1], [2, 3]]  # a student layer with two teachers, in no order
WITH_EMBEDDINGS = [[0, 0], [1, 2], [2, 4]]


@dataclass
class Case:
    name: str
    student: str
    adaptors: list[Adaptor]
    labelWeight: float = 0.0
    batch: str = "uneven"
    teacher: str = "teacher"
    studentHeads: int | None = None  # the student's width split into other heads than its configuration says

    def described(self) -> dict:
        return asdict(self) | {"adaptors": [adaptor.described() for adaptor in self.adaptors]}


def _logit_cases() -> list[Case]:
    cases = []
    students = {"LogitCE": "student-narrow", "LogitMSE": "student-relu"}
    for kind, on in (("LogitCE", "probabilities"), ("LogitMSE", "probabilities"), ("LogitMSE", "logits")):
        title = "LogitCE" if kind == "LogitCE" else f"LogitMSE-{on}"
        for temperature, scaling in ((1.0, True), (4.0, True), (4.0, False)):
            adaptor = Adaptor(kind, on=on, temperature=temperature, temperatureScaling=scaling)
            suffix = f"t{temperature:.0f}" + ("" if scaling else "-unscaled")
            cases.append(Case(f"{title}-{suffix}", students[kind], [adaptor]))
    for kind, student in students.items():
        adaptor = Adaptor(kind, on="probabilities")
        cases.append(Case(f"{kind}-one-sentence", student, [adaptor], batch="one-sentence"))
    return cases


def _attention_cases() -> list[Case]:
    cases = []
    variants = (
        ("AttnMiniLM", "probabilities", "AttnMiniLM", "student-narrow"),
        ("AttnTinyBERT", "probabilities", "AttnTinyBERT-probabilities", "student-relu"),
        ("AttnTinyBERT", "scores", "AttnTinyBERT-scores", "student-narrow"),
        ("ValMiniLM", "probabilities", "ValMiniLM", "student-narrow"),
    )
    maps = (("last", "last"), ("uniform", "uniform"), ("crossed", CROSSED))
    for kind, on, title, student in variants:
        for name, layers in maps:
            cases.append(Case(f"{title}-{name}", student, [Adaptor(kind, on=on, layers=layers)]))
        cases.append(Case(f"{title}-one-sentence", student, [Adaptor(kind, on=on)], batch="one-sentence"))
    return [*cases, Case("ValMiniLM-equal-head-size", "student", [Adaptor("ValMiniLM", weight=0.5)])]


def _hidden_cases() -> list[Case]:
    hidden, embeddings, pkd = "HidnTinyBERT", "EmbdTinyBERT", "HidnPKD"
    narrow, equal = "student-narrow", "student"
    return [
        Case("HidnTinyBERT-equal-width", equal, [Adaptor(hidden)]),
        Case("HidnTinyBERT-equal-width-never", equal, [Adaptor(hidden, layers=WITH_EMBEDDINGS, projection="never")]),
        Case("HidnTinyBERT-equal-width-always", equal, [Adaptor(hidden, layers="uniform", projection="always")]),
        Case("HidnTinyBERT-projected", narrow, [Adaptor(hidden)]),
        Case("HidnTinyBERT-projected-per-layer", narrow, [Adaptor(hidden, layers="uniform", perLayer=True)]),
        Case("HidnTinyBERT-projected-embeddings", narrow, [Adaptor(hidden, layers=WITH_EMBEDDINGS)]),
        Case("HidnTinyBERT-projected-crossed", narrow, [Adaptor(hidden, layers=CROSSED, perLayer=True)]),
        Case("HidnTinyBERT-one-sentence", "student-relu", [Adaptor(hidden)], batch="one-sentence"),
        Case("EmbdTinyBERT-equal-width", equal, [Adaptor(embeddings)]),
        Case("EmbdTinyBERT-equal-width-always", equal, [Adaptor(embeddings, projection="always")]),
        Case("EmbdTinyBERT-projected", narrow, [Adaptor(embeddings)]),
        Case("HidnPKD-equal-width-skip", equal, [Adaptor(pkd, layers="skip")]),
        Case("HidnPKD-equal-width-pairs", equal, [Adaptor(pkd, layers=[[0, 0], [1, 3]])]),
        Case("HidnPKD-projected-skip", narrow, [Adaptor(pkd, layers="skip")]),
        Case("HidnPKD-projected-last", narrow, [Adaptor(pkd)]),
        Case("HidnPKD-projected-per-layer", narrow, [Adaptor(pkd, layers=CROSSED, perLayer=True)]),
        Case("HidnPKD-one-sentence", "student-relu", [Adaptor(pkd)], batch="one-sentence"),
    ]


def _mixtures() -> list[Case]:
    everything = [
        Adaptor("LogitCE", weight=0.7, temperature=2.0),
        Adaptor("LogitMSE", weight=0.3, on="logits", temperature=3.0),
        Adaptor("AttnMiniLM", weight=1.5, layers="uniform"),
        Adaptor("AttnTinyBERT", weight=0.25, on="scores"),
        Adaptor("ValMiniLM", weight=2.0),
        Adaptor("HidnTinyBERT", weight=0.4, layers=WITH_EMBEDDINGS, perLayer=True),
        Adaptor("EmbdTinyBERT", weight=1.25),
        Adaptor("HidnPKD", weight=0.6, layers="skip"),
    ]
    no_projections = [
        Adaptor("LogitCE", weight=0.5),
        Adaptor("AttnMiniLM", layers=[[1, 2], [2, 4]]),
        Adaptor("AttnTinyBERT", weight=10.0),
        Adaptor("HidnTinyBERT", weight=0.2, layers="uniform"),
        Adaptor("EmbdTinyBERT", weight=0.1),
    ]
    return [
        Case("mix-gelu", "student", no_projections, labelWeight=1.0),
        Case("mix-gelu-new", "student-narrow", everything, labelWeight=1.0),
        Case("mix-relu", "student-relu", everything, labelWeight=0.5),
        Case("mix-one-sentence", "student-narrow", everything, labelWeight=1.0, batch="one-sentence"),
        Case("mix-long", "student-narrow", everything, labelWeight=1.0, batch="long"),
    ]


def shelf_cases() -> list[Case]:
    """The adaptors that came later, which draw their projections apart so that those of the others stay."""
    narrow, relu = "student-narrow", "student-relu"
    everything = [
        Adaptor("RelationMiniLM", weight=0.7, heads=3),
        Adaptor("AttnMeanMiniLM", weight=1.5),
        Adaptor("AttnSumTinyBERT", weight=0.5, layers="top"),
        Adaptor("HidnCosine", weight=0.4, layers=WITH_EMBEDDINGS, projection="tanh", perLayer=True),
        Adaptor("Gram", weight=0.6, layers=WITH_EMBEDDINGS, pairing="next", projection="linear"),
        Adaptor("NST", weight=0.3, layers="uniform"),
        Adaptor("LogitMSE", weight=0.9, on="argmax"),
        Adaptor("LogitCE", weight=0.5, temperature=2.0, temperatureBy="flsw", probabilityShift=True),
    ]
    # flsw compares the sentences of a micro-batch, so that the halves of a batch do not add up to it.
    alone = [adaptor for adaptor in everything if not adaptor.compares_sentences]
    return [
        Case("RelationMiniLM-heads-9", narrow, [Adaptor("RelationMiniLM", layers="top", heads=9)]),
        Case("RelationMiniLM-keys", relu, [Adaptor("RelationMiniLM", layers=CROSSED, heads=2, relations=["keys"])]),
        Case("AttnMeanMiniLM-4-heads", relu, [Adaptor("AttnMeanMiniLM")], studentHeads=4),
        Case("AttnSumTinyBERT-2-heads", relu, [Adaptor("AttnSumTinyBERT")], studentHeads=2),
        Case("AttnSumTinyBERT-scores", narrow, [Adaptor("AttnSumTinyBERT", on="scores", layers=CROSSED)]),
        Case("HidnCosine-projected", narrow, [Adaptor("HidnCosine", layers=WITH_EMBEDDINGS)]),
        Case("Gram-itself", narrow, [Adaptor("Gram", layers=CROSSED, perLayer=True)]),
        Case("Gram-equal-width", "student", [Adaptor("Gram", layers="uniform", pairing="next")]),
        Case("NST-next", narrow, [Adaptor("NST", layers=WITH_EMBEDDINGS, pairing="next")]),
        Case("HidnTinyBERT-relu", narrow, [Adaptor("HidnTinyBERT", projection="relu")]),
        Case("HidnPKD-tanh", narrow, [Adaptor("HidnPKD", projection="tanh", perLayer=True)]),
        Case("LogitMSE-argmax", narrow, [Adaptor("LogitMSE", on="argmax")]),
        Case("LogitMSE-shifted", narrow, [Adaptor("LogitMSE", probabilityShift=True)]),
        Case("LogitMSE-cwsm", narrow, [Adaptor("LogitMSE", on="probabilities", temperatureBy="cwsm", beta=2.0)]),
        Case("LogitCE-flsw", narrow, [Adaptor("LogitCE", temperatureBy="flsw", beta=1.5, gamma=1.0)]),
        Case("shelf-relu", relu, alone, labelWeight=0.5),
        Case("shelf-one-sentence", narrow, everything, labelWeight=1.0, batch="one-sentence"),
    ]


def all_cases() -> list[Case]:
    hard = [
        Case("hard-gelu", "student", [], labelWeight=1.0),
        Case("hard-gelu-new", "student-narrow", [], labelWeight=1.0),
        Case("hard-relu", "student-relu", [], labelWeight=1.0),
        Case("hard-one-sentence", "student-narrow", [], labelWeight=1.0, batch="one-sentence"),
    ]
    masked = [
        Case("hard-masked", "student", [], labelWeight=1.0, batch="masked"),
        Case("mix-masked", "student", _mixtures()[0].adaptors, labelWeight=0.75, batch="masked"),
        Case("mix-unlabelled", "student", _mixtures()[0].adaptors, labelWeight=0.75, batch="unlabelled"),
    ]
    cases = hard + _logit_cases() + _attention_cases() + _hidden_cases() + _mixtures() + masked
    assert len({case.name for case in cases + shelf_cases()}) == len(cases) + len(shelf_cases())
    return cases
