"""Knowledge distillation of text encoders on CPUs: the Python interface of distill-ddp.

    import distill_ddp as dd

    run = dd.train("mix-step", data={"train": rows, "validation": more_rows}, ranks=2)
    for event in run:
        print(event)
    student = dd.load(run.best)
    student.predict("a text")

The work is done by the program distill-ddp, which this package brings along and starts.
"""

from ._data import Rows
from ._errors import DistillError
from ._model import Model, Prediction, load
from ._program import version as _version
from ._run import Run, train
from ._teacher import predictions_from
from ._tools import compare, doctor, evaluate, export, plan, report

__version__ = _version()

__all__ = [
    "DistillError",
    "Model",
    "Prediction",
    "Rows",
    "Run",
    "compare",
    "doctor",
    "evaluate",
    "export",
    "load",
    "plan",
    "predictions_from",
    "report",
    "train",
]
