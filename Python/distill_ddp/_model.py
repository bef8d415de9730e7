"""A model in memory: one process of the program that answers over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, overload

from ._errors import DistillError, failure
from ._program import command, environment, options
from ._tensors import numpy, read

#: As many as `distill-ddp predict` packs together.
_TOGETHER = 1 << 15


class Prediction(NamedTuple):
    """What a model says of a text. What its task does not have is ``None``, or empty."""

    #: The class; ``None`` of a model that does not choose one.
    label: str | None
    #: By class, in the model's order.
    probabilities: dict[str, float]
    logits: list[float]
    #: Of a model that gives one number; where it gives several, they are the logits.
    score: float | None = None
    #: The classes, of a model that gives any number of them.
    labels: list[str] | None = None
    #: Of a model of sentence vectors.
    vector: list[float] | None = None
    #: Of a tagger: the text's words, a tag for each (``None`` of a word that was cut off), and entities as dicts of
    #: ``type``, ``text``, ``start`` and ``end``.
    words: list[str] | None = None
    tags: list[str | None] | None = None
    entities: list[dict[str, Any]] | None = None

    def __repr__(self) -> str:
        # No classes of a text that may have any number are an answer.
        shown = [
            f"{name}={value!r}"
            for name, value in zip(self._fields, self)
            if value or (value is not None and name not in ("probabilities", "logits"))
        ]
        return f"Prediction({', '.join(shown)})"


#: What an answer holds that goes into a prediction under the same name.
_FIELDS = ("score", "labels", "vector", "words", "tags", "entities")


def load(
    model: str | os.PathLike[str],
    *,
    threads: int | None = None,
    max_length: int | None = None,
    precision: str | None = None,
) -> Model:
    """Reads a model, and keeps it in memory until it is closed or collected.

    Args:
        model: a Hugging Face model directory, or a name on the hub.
        threads: worker threads; by default the cores this process may use.
        max_length: truncate texts to so many tokens; by default to the model's limit.
        precision: what products round their factors to, ``float32`` by default, ``bfloat16`` or ``int8``.
    """
    return Model(os.fspath(model), threads=threads, max_length=max_length, precision=precision)


class Model:
    """A model that answers. Threads may share it; a process that is forked needs one of its own."""

    def __init__(
        self,
        path: str,
        *,
        threads: int | None = None,
        max_length: int | None = None,
        precision: str | None = None,
    ) -> None:
        self.path = path
        limits = options({"threads": threads, "max_length": max_length, "precision": precision})
        self._words = command(["serve", "--stdio", "--model", path, *limits])
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._number = 0
        self._about: dict[str, Any] = {}
        with self._lock:
            self._start()

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of logits."""
        return list(self._about["labels"])

    @property
    def parameters(self) -> int:
        return int(self._about["parameters"])

    @property
    def max_length(self) -> int:
        """The most tokens of a text that count."""
        return int(self._about["max_length"])

    @property
    def pid(self) -> int | None:
        """The process that holds the model."""
        return None if self._process is None else self._process.pid

    # A text is an iterable of texts too, as far as types go; which of the two it is, the order decides.
    @overload
    def predict(self, texts: str, pairs: str | None = None) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, texts: Iterable[str], pairs: Iterable[str] | None = None) -> list[Prediction]: ...
    def predict(
        self, texts: str | Iterable[str], pairs: str | Iterable[str] | None = None
    ) -> Prediction | list[Prediction]:
        """The class of a text, or of each of several.

        Args:
            pairs: the second text of each, for models of pairs.
        """
        first, second = _lists(texts, pairs)
        found: list[Prediction] = []
        for start in range(0, len(first), _TOGETHER):
            request = _request("predict", first, second, start, start + _TOGETHER)
            for row in self._ask(request)["predictions"]:
                by_class = dict(zip(self._about["labels"], row.get("probabilities", [])))
                others = {name: row[name] for name in _FIELDS if name in row}
                found.append(Prediction(row.get("label"), by_class, row.get("logits", []), **others))
        return found[0] if isinstance(texts, str) else found

    def embed(self, texts: str | Iterable[str]) -> Any:
        """Sentence vectors, of a model that gives them: one of a text, or a row for each of several. A numpy array of 32-bit
        floats where numpy is installed, else lists.
        """
        predictions = self.predict([texts] if isinstance(texts, str) else texts)
        vectors = []
        for prediction in predictions:
            if prediction.vector is None:
                raise DistillError(
                    f"{self.path}: expected a model of sentence vectors, found one that answers otherwise; "
                    "use predict, or features for its hidden states"
                )
            vectors.append(prediction.vector)
        rows = vectors[0] if isinstance(texts, str) else vectors
        module = numpy()
        return rows if module is None else module.array(rows, dtype="float32")

    def features(self, texts: str | Iterable[str], pairs: str | Iterable[str] | None = None) -> dict[str, Any]:
        """Hidden states, attention, values and logits of texts that lie end to end, as ``distill-ddp features``
        describes them. numpy arrays where numpy is installed, else memoryviews of the same shape.
        """
        first, second = _lists(texts, pairs)
        with tempfile.TemporaryDirectory(prefix="distill-ddp-") as folder:
            file = os.path.join(folder, "features.safetensors")
            request = _request("features", first, second, 0, len(first))
            request["output"] = file
            self._ask(request)
            return read(file)

    def close(self) -> None:
        """Gives the memory back. A model that is closed answers no more."""
        with self._lock:
            self._closed = True
            self._end()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
            self._log.close()

    def __repr__(self) -> str:
        return f"<Model {self.path!r}, {len(self.labels)} classes, {self.parameters} parameters>"

    # The process

    def _start(self) -> None:
        # A file, which unlike a pipe takes any amount without a reader.
        self._log = tempfile.TemporaryFile()
        # A group of its own: a terminal's Ctrl-C ends the call, not the model.
        self._process = subprocess.Popen(
            self._words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(),
            start_new_session=True,
        )
        self._about = self._receive()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._closed:
                raise DistillError(f"{self.path}: the model was closed; load it again")
            if self._process is None:
                self._start()
            self._number += 1
            request["id"] = self._number
            assert self._process is not None and self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                raise self._failure() from None
            except BaseException:
                # Half a request may have been written.
                self._end()
                raise
            while True:
                answer = self._receive()
                # Else it belongs to a call that was interrupted.
                if answer.get("id") == self._number:
                    break
        if "error" in answer:
            raise DistillError(answer["error"])
        return answer

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
        except BaseException:
            # Part of an answer may have been read.
            self._end()
            raise
        if not line.endswith(b"\n"):
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self) -> DistillError:
        """Why the process ended, by itself or killed. The next call starts another."""
        assert self._process is not None
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").splitlines()
        self._end()
        return failure(f"{self.path}: the process that held the model", status, lines)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        self._log.close()


def _lists(
    texts: str | Iterable[str], pairs: str | Iterable[str] | None
) -> tuple[Sequence[str], Sequence[str] | None]:
    first = [texts] if isinstance(texts, str) else list(texts)
    if pairs is None:
        return first, None
    second = [pairs] if isinstance(pairs, str) else list(pairs)
    if len(first) != len(second):
        raise ValueError(f"pairs: expected {len(first)} texts, found {len(second)}; give one for each")
    return first, second


def _request(
    kind: str, texts: Sequence[str], pairs: Sequence[str] | None, start: int, end: int
) -> dict[str, Any]:
    request: dict[str, Any] = {kind: texts[start:end]}
    if pairs is not None:
        request["pairs"] = pairs[start:end]
    return request
