"""The settings and the arms of the study: what is learned from, and by which configuration."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    dataset: str
    labels: int
    validation: int  # rows of the training file, with labels, that select checkpoints and hyperparameters
    text: int  # rows of the training file whose labels are left out
    metric: str
    classes: list
    test: int | None = None

    def has(self, arm, large_model):
        return (self.text > 0 or not arm.needs_text) and (large_model or not arm.large) and not arm.elsewhere


def sentiment(labels, validation, text):
    classes = ["negative", "neutral", "positive"]
    return Setting(f"sentiment-{labels}", "sentiment", labels, validation, text, "macro_recall", classes)


def sst2(labels, validation, text, name=None):
    classes = ["negative", "positive"]
    return Setting(name or f"sst2-{labels}", "sst2", labels, validation, text, "accuracy", classes)


def by_name(*entries):
    return {entry.name: entry for entry in entries}


SETTINGS = by_name(
    sst2(1000, 500, 15_000),
    sst2(1000, 500, 60_000, "sst2-1000-more-text"),
    sentiment(2000, 1000, 12_000),
    sentiment(12_000, 2000, 33_436),
    sst2(6700, 1000, 59_649),
    Setting("emotion", "emotion", 2857, 400, 0, "macro_f1", ["anger", "joy", "optimism", "sadness"]),
    Setting("mrpc", "mrpc", 3268, 400, 0, "accuracy", ["not_equivalent", "equivalent"]),
)

SHORT = by_name(dataclasses.replace(sst2(200, 100, 800), name="short", test=200))


MANY_LABELS = 5000


@dataclasses.dataclass(frozen=True)
class Arm:
    name: str
    title: str
    configuration: str
    stage: str  # the one whose best checkpoint is measured
    settings: dict = dataclasses.field(default_factory=dict)
    variants: tuple = ({},)  # the one that is best on the validation rows counts
    variants_of_many: tuple = ()  # in their place where there are many labels
    distils: bool = True
    text: bool = False  # rows without labels besides
    plain: bool = False  # all rows, and none with its label
    large: bool = False  # the teacher is the larger one, of its predictions
    elsewhere: bool = False  # another program trains it
    whole: bool = False  # the student is the checkpoint with all its layers, not some of the teacher's

    @property
    def needs_text(self):
        return self.text or self.plain

    @property
    def is_teacher(self):
        return self.name in ("teacher", "large-teacher")

    @property
    def teacher(self):
        """The arm whose figures this one's are a share of; no arm of that name for a teacher."""
        return "" if self.is_teacher else "large-teacher" if self.large else "teacher"

    @property
    def labels_alone(self):
        """The arm of the same start that learned from labels alone; no arm of that name where it is one itself."""
        if self.is_teacher or self.name.startswith("labels"):
            return ""
        return "teacher" if self.whole else "labels"

    def variants_for(self, setting):
        # A short study is about whether everything runs.
        if setting.name in SHORT:
            return self.variants[:1]
        return self.variants_of_many or self.variants if setting.labels >= MANY_LABELS else self.variants


# The original's mix and two-step, as the project shipped them first: logits as probabilities at temperature 4, and a
# second step that trains the head alone.
SOFT = "[AttnMiniLM, ValMiniLM, {LogitMSE: {on: probabilities, temperature: 4}}]"
SOFT_HEAD = "[{LogitMSE: {on: probabilities, temperature: 4}}]"

ARMS = by_name(
    Arm(
        "teacher",
        "teacher, 6 layers",
        "configs/finetune.yaml",
        "finetune",
        variants=({"training.learningRate": 1.0e-4, "stages.finetune.epochs": 6},),
        variants_of_many=({"training.learningRate": 5.0e-5, "stages.finetune.epochs": 3},),
        distils=False,
    ),
    Arm(
        "large-teacher",
        "larger teacher",
        "configs/finetune.yaml",
        "finetune",
        variants=({"training.learningRate": 5.0e-5, "stages.finetune.epochs": 4},),
        variants_of_many=({"training.learningRate": 3.0e-5, "stages.finetune.epochs": 2},),
        distils=False,
        large=True,
    ),
    Arm(
        "labels",
        "labels only",
        "configs/student_baseline.yaml",
        "labels",
        variants=(
            {"training.learningRate": 5.0e-5, "stages.labels.epochs": 4},
            {"training.learningRate": 1.0e-4, "stages.labels.epochs": 4},
            {"training.learningRate": 1.0e-4, "stages.labels.epochs": 8},
        ),
        variants_of_many=(
            {"training.learningRate": 5.0e-5, "stages.labels.epochs": 3},
            {"training.learningRate": 1.0e-4, "stages.labels.epochs": 3},
        ),
        distils=False,
    ),
    Arm("few-labels", "labels + text", "configs/recipes/few-labels.yaml", "distil", text=True),
    # Those of study_pytorch.py, which trains them.
    Arm("labels-pytorch", "labels only, in PyTorch", "", "", distils=False, elsewhere=True),
    Arm("few-labels-pytorch", "labels + text, in PyTorch", "", "", text=True, elsewhere=True),
    Arm(
        "smaller-vocabulary",
        "labels + text, 4,900 tokens",
        "configs/recipes/few-labels.yaml",
        "distil",
        # Of MiniLM's 30,522: a third of its parameters with three of its layers.
        {"student.vocabulary": "{keep: 4900}"},
        text=True,
    ),
    Arm(
        "annealed",
        "labels + text, annealed",
        "configs/recipes/few-labels.yaml",
        "distil",
        # First the teacher, then the labels.
        {
            "stages.distil.adaptors": "[{LogitMSE: {on: logits, temperature: 1, weight: {from: 1, to: 0.2}}}]",
            "stages.distil.labelWeight": "{from: 0, to: 1}",
        },
        text=True,
    ),
    Arm(
        "large-few-labels",
        "labels + text, of the larger teacher",
        "configs/recipes/few-labels.yaml",
        "distil",
        text=True,
        large=True,
    ),
    Arm(
        "large-smaller-vocabulary",
        "labels + text, of the larger teacher, 4,900 tokens",
        "configs/recipes/few-labels.yaml",
        "distil",
        {"student.vocabulary": "{keep: 4900}"},
        text=True,
        large=True,
    ),
    Arm(
        "large-whole",
        "labels + text, of the larger teacher, 6 layers",
        "configs/recipes/few-labels.yaml",
        "distil",
        text=True,
        large=True,
        whole=True,
    ),
    Arm("text", "text alone, no labels", "configs/recipes/no-labels.yaml", "distil", plain=True),
    Arm("enough-labels", "labels + logits", "configs/recipes/enough-labels.yaml", "distil"),
    Arm("mix-as-was", "mix as it was", "configs/distillation_ms.yaml", "mix", {"stages.mix.adaptors": SOFT}),
    Arm("mix", "mix", "configs/distillation_ms.yaml", "mix"),
    Arm(
        "two-step-as-was",
        "two-step as it was",
        "configs/distillation_ts.yaml",
        "prediction",
        {
            "stages.prediction.adaptors": SOFT_HEAD,
            "stages.prediction.labelWeight": 0,
            "stages.prediction.update": "head",
            "stages.prediction.learningRate": 1.0e-3,
        },
    ),
    Arm("two-step", "two-step", "configs/distillation_ts.yaml", "prediction"),
    Arm("two-step-text", "two-step + text", "configs/recipes/two-step-text.yaml", "prediction", text=True),
)
