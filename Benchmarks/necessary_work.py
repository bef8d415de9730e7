"""The arithmetic that cannot be avoided: the matrix products of a step over real tokens, without what no loss reads.
README.md writes the formula down."""

from dataclasses import dataclass

from workloads import Shape, Workload


@dataclass(frozen=True)
class Product:
    """rows × columns × inner, `layout` as BLAS says it: NT forward, NN for inputs' gradients, TN for weights'."""

    rows: int
    columns: int
    inner: int
    layout: str

    @property
    def flops(self) -> int:
        return 2 * self.rows * self.columns * self.inner

    def __str__(self) -> str:
        return f"{self.rows},{self.columns},{self.inner},{self.layout}"


@dataclass
class Work:
    products: list[Product]
    # Products inside sentences: scores, contexts and relations.
    attention_flops: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.products + other.products, self.attention_flops + other.attention_flops)

    @property
    def flops(self) -> float:
        return sum(product.flops for product in self.products) + self.attention_flops


def step(workload: Workload, lengths: list[int], parts: int = 1) -> Work:
    """One of `parts` equal shares of a batch of these lengths."""
    tokens = max(1, round(sum(lengths) / parts))
    sentences = max(1, round(len(lengths) / parts))
    squares = sum(n * n for n in lengths) / parts
    student, backward = workload.student_shape, not workload.predicts
    work = _encoder(workload, student, tokens, sentences, squares, workload.student_logits, backward)
    if workload.teacher_shape:
        teacher = workload.teacher_shape
        if not workload.cached:
            work += _encoder(workload, teacher, tokens, sentences, squares, workload.teacher_logits, False)
        pairs = len(workload.pairs)
        if workload.taps_hidden and teacher.hidden != student.hidden:
            for _ in range(pairs):
                work += Work(_linear(tokens, teacher.hidden, student.hidden, True))
        if workload.taps_values:
            # R = V·Vᵀ of both models (the teacher's is one with its values where they are cached), and (dR + dRᵀ)·V.
            work.attention_flops += pairs * 2 * squares * (2 * student.hidden + teacher.hidden)
    return work


def _encoder(
    workload: Workload, shape: Shape, tokens: int, sentences: int, squares: float, logits: bool, backward: bool
) -> Work:
    work = Work([])
    width, inner = shape.hidden, shape.inner
    for layer in range(1, shape.layers + 1):
        last = layer == shape.layers
        # The last layer's output is wanted for all tokens, for each sentence's first, or not at all.
        rows = tokens if not last or workload.taps_hidden else sentences if logits else 0
        scores, values = workload.taps_scores, workload.taps_values
        if rows == tokens or (scores and (values or rows)):
            work += Work(_linear(tokens, 3 * width, width, backward))
        elif scores:
            work += Work(_linear(tokens, 2 * width, width, backward))
        elif rows:
            work += Work(_linear(sentences, width, width, backward) + _linear(tokens, 2 * width, width, backward))
        elif values:
            work += Work(_linear(tokens, width, width, backward))
        if rows:
            work += Work(
                _linear(rows, width, width, backward) + _linear(rows, inner, width, backward)
                + _linear(rows, width, inner, backward))
        # Scores and contexts; backward, two products for each.
        passes = 3 if backward else 1
        own = squares if rows == tokens else tokens
        work.attention_flops += passes * 2 * width * (squares if scores else own if rows else 0)
        work.attention_flops += passes * 2 * width * (own if rows else 0)
    if logits:
        work += Work(_linear(sentences, width, width, backward))
    return work


def _linear(rows: int, outputs: int, inputs: int, backward: bool) -> list[Product]:
    forward = [Product(rows, outputs, inputs, "NT")]
    if not backward:
        return forward
    return forward + [Product(rows, inputs, outputs, "NN"), Product(outputs, inputs, rows, "TN")]
