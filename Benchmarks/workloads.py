"""The workloads: what is distilled or fine-tuned into what, with which losses, and how much of it is timed."""

from dataclasses import dataclass, field, replace

LABELS = ["negative", "neutral", "positive"]
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 5e-5
EPS = 1e-8
TEMPERATURE = 4.0
SEED = 2022
MAX_LENGTH = 128


@dataclass(frozen=True)
class Shape:
    """A BERT encoder's size."""

    layers: int
    hidden: int
    inner: int
    heads: int = 12


BERT_BASE = Shape(12, 768, 3072)
STUDENT_312 = Shape(4, 312, 1200)
MINILM = Shape(6, 384, 1536)


@dataclass(frozen=True)
class Workload:
    """`teacher` and `student` name model directories in the cache; `layers` are those of the teacher (from 1) the
    student is cut from. `steps` is how many batches each burst times."""

    name: str
    title: str
    student: str
    student_shape: Shape
    teacher: str | None = None
    teacher_shape: Shape | None = None
    layers: tuple[int, ...] | None = None
    adaptors: tuple[str, ...] = ()
    label_weight: float = 1.0
    batch: int = 32
    steps: int = 4
    predicts: bool = False
    # Ours reads the teacher from its cache, as from the second epoch on; PyTorch has none.
    cached: bool = False
    # The least ratio to PyTorch on random and on length-grouped batches, and the least efficiency.
    targets: tuple[float, float, float] | None = None

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Layer pairs of the map `last`: all student layers with as many of the teacher's last."""
        if not self.teacher_shape:
            return []
        offset = self.teacher_shape.layers - self.student_shape.layers
        return [(i, i + offset) for i in range(1, self.student_shape.layers + 1)]

    def taps(self, *kinds: str) -> bool:
        return any(kind in self.adaptors for kind in kinds)

    @property
    def taps_scores(self) -> bool:
        return self.taps("AttnMiniLM", "AttnTinyBERT")

    @property
    def taps_values(self) -> bool:
        return self.taps("ValMiniLM")

    @property
    def taps_hidden(self) -> bool:
        return self.taps("HidnTinyBERT")

    @property
    def student_logits(self) -> bool:
        return self.label_weight != 0 or self.taps("LogitMSE")

    @property
    def teacher_logits(self) -> bool:
        return self.taps("LogitMSE")


_A = Workload(
    "A", "bert-base → 4 × 312, AttnMiniLM + ValMiniLM + LogitMSE, batch 32", "student-312", STUDENT_312, "bert-base",
    BERT_BASE, adaptors=("AttnMiniLM", "ValMiniLM", "LogitMSE"), steps=3, targets=(2.2, 1.4, 0.88))

WORKLOADS = {
    workload.name: workload
    for workload in [
        _A,
        replace(_A, name="A2", title="A from epoch 2, cached teacher", cached=True, targets=(11, 7, 0.65)),
        replace(
            _A, name="B", title="bert-base → 4 × 312, HidnTinyBERT + AttnTinyBERT, batch 128",
            adaptors=("HidnTinyBERT", "AttnTinyBERT"), label_weight=0.0, batch=128, steps=1, targets=(2.1, 1.25, 0.88)),
        replace(
            _A, name="C", title="bert-base → 4 × 312, LogitMSE, batch 32", adaptors=("LogitMSE",),
            targets=(2.3, 1.4, 0.88)),
        Workload("D", "fine-tune MiniLM-L6, batch 32", "minilm", MINILM, steps=6, targets=(2.4, 1.5, 0.80)),
        Workload(
            "E", "predict with MiniLM-L6, batch 32", "minilm", MINILM, steps=30, predicts=True,
            targets=(2.2, 1.35, 0.88)),
        Workload(
            "F", "MiniLM-L6 → 3 layers, AttnMiniLM + ValMiniLM + LogitMSE, batch 32, cached teacher", "minilm-3",
            Shape(3, 384, 1536), "minilm", MINILM, layers=(2, 4, 6), adaptors=("AttnMiniLM", "ValMiniLM", "LogitMSE"),
            steps=6, cached=True),
    ]
}
