"""Writes Tests/Fixtures/textbrewer: what TextBrewer's own loss functions give on the fixtures' tensors.

    pip install textbrewer
    python3 Tests/Goldens/make_textbrewer_goldens.py

The tensors are padded and masked as TextBrewer expects them. `expected` is its loss up to what differs on purpose, said
beside each case: a cross-entropy is given less the teacher's own entropy, which has no gradient.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from textbrewer import losses
from textbrewer.distiller_utils import probability_shift_
from textbrewer.projections import linear_projection, projection_with_activation
from textbrewer.schedulers import cwsm_temperature_scheduler_builder, flsw_temperature_scheduler_builder
from torch import Tensor

from encoder_reference import Batch, Encoder
from loss_reference import Adaptor

ROOT = Path(__file__).resolve().parent.parent / "Fixtures" / "encoder"
# What a masked score is where a model pads.
MASKED = -1e9


def padded(tensors: list[Tensor], length: int, value: float = 0.0) -> Tensor:
    """Tensors (…, n, width) of sentences to (sentences, …, length, width); a last dimension of n is padded too."""
    result = []
    for x in tensors:
        n = x.shape[-2]
        right = length - n if x.dim() == 3 else 0
        result.append(torch.nn.functional.pad(x, (0, right, 0, length - n), value=value))
    return torch.stack(result)


class Pair:
    """Both models' taps of a batch."""

    def __init__(self, student: str, batch: Batch, heads: int | None = None):
        encoder, self.teacher_encoder = Encoder(ROOT / student), Encoder(ROOT / "teacher")
        encoder.heads = heads or encoder.heads
        self.name, self.batch, self.encoder = student, batch, encoder
        with torch.no_grad():
            self.student = encoder.forward_batch(batch)
            self.teacher = self.teacher_encoder.forward_batch(batch)
        self.length = max(batch.lengths)
        self.mask = torch.zeros(len(batch.lengths), self.length, dtype=torch.float64)
        for b, n in enumerate(batch.lengths):
            self.mask[b, :n] = 1

    def logits(self) -> tuple[Tensor, Tensor]:
        return tuple(torch.stack([t.logits for t in taps]) for taps in (self.student, self.teacher))

    def hidden(self, s: int, t: int) -> tuple[Tensor, Tensor]:
        return (
            padded([taps.hidden[s] for taps in self.student], self.length),
            padded([taps.hidden[t] for taps in self.teacher], self.length),
        )

    def scores(self, s: int, t: int) -> tuple[Tensor, Tensor]:
        return (
            padded([taps.scores[s - 1] for taps in self.student], self.length, MASKED),
            padded([taps.scores[t - 1] for taps in self.teacher], self.length, MASKED),
        )

    def probabilities(self, s: int, t: int) -> tuple[Tensor, Tensor]:
        return tuple(torch.softmax(x, dim=-1) for x in self.scores(s, t))


def less_entropy(loss, s: Tensor, t: Tensor, *arguments) -> float:
    return (loss(s, t, *arguments) - loss(t, t, *arguments)).item()


def main() -> None:
    torch.set_num_threads(1)
    batches = {row.pop("name"): Batch(**row) for row in json.loads((ROOT / "forward" / "batches.json").read_text())}
    uneven, alone = batches["uneven"], batches["one-sentence"]
    wide, narrow = Pair("student", uneven), Pair("student-narrow", uneven)
    cases: list[dict] = []
    projections: dict[str, Tensor] = {}

    def case(name: str, pair: Pair, adaptor: Adaptor, expected: float, heads: int | None = None) -> None:
        assert math.isfinite(expected) and expected != 0
        cases.append(
            {"name": name, "student": pair.name, "studentHeads": heads, "batch": asdict(pair.batch)}
            | {"adaptor": adaptor.described(), "expected": expected}
        )

    # Logits: no square of the temperature.
    s, t = narrow.logits()
    plain = dict(temperatureScaling=False)
    case("kd_mse_loss", narrow, Adaptor("LogitMSE", temperature=2.0, **plain), losses.kd_mse_loss(s, t, 2.0).item())
    case("kd_ce_loss", narrow, Adaptor("LogitCE", temperature=2.0, **plain), less_entropy(losses.kd_ce_loss, s, t, 2.0))
    flsw = flsw_temperature_scheduler_builder(1.5, 2)(s, t, 4.0)
    case(
        "flsw", narrow, Adaptor("LogitCE", temperatureBy="flsw", beta=1.5, gamma=2.0, **plain),
        less_entropy(losses.kd_ce_loss, s, t, flsw),
    )
    cwsm = cwsm_temperature_scheduler_builder(2)(s, t, 4.0)
    case(
        "cwsm", narrow, Adaptor("LogitMSE", temperatureBy="cwsm", beta=2.0, **plain),
        losses.kd_mse_loss(s, t, cwsm).item(),
    )
    moved = probability_shift_(t.clone(), torch.tensor(uneven.labels))
    assert not torch.equal(moved, t)
    case(
        "probability_shift", narrow, Adaptor("LogitMSE", temperature=1.0, probabilityShift=True),
        losses.kd_mse_loss(s, moved).item(),
    )

    # Attention.
    p = wide.probabilities(2, 4)
    one = [[2, 4]]
    case("att_mse_loss", wide, Adaptor("AttnTinyBERT", layers=one), losses.att_mse_loss(*p, wide.mask).item())
    z = wide.scores(2, 4)
    case("att_ce_loss", wide, Adaptor("AttnMiniLM", layers=one), less_entropy(losses.att_ce_loss, *z, wide.mask))
    for heads in (2, 4):
        other = Pair("student-relu", uneven, heads)
        case(
            f"att_mse_sum_loss, {heads} heads", other, Adaptor("AttnSumTinyBERT", layers=one),
            losses.att_mse_sum_loss(*other.probabilities(2, 4), other.mask).item(), heads,
        )
        case(
            f"att_ce_mean_loss, {heads} heads", other, Adaptor("AttnMeanMiniLM", layers=one),
            less_entropy(losses.att_ce_mean_loss, *other.scores(2, 4), other.mask), heads,
        )

    # Hidden states, projected by TextBrewer's own modules where widths differ.
    h = wide.hidden(1, 2)
    one = [[1, 2]]
    case("hid_mse_loss", wide, Adaptor("HidnTinyBERT", layers=one), losses.hid_mse_loss(*h, wide.mask).item())
    case("cos_loss", wide, Adaptor("HidnCosine", layers=one), losses.cos_loss(*h, wide.mask).item())
    case("pkd_loss", wide, Adaptor("HidnPKD", layers=one), losses.pkd_loss(*h, wide.mask).item())
    i, j = wide.hidden(0, 0), wide.hidden(2, 4)
    states = [[i[k], j[k]] for k in range(2)]
    flow = dict(layers=[[0, 0], [2, 4]], pairing="next")
    case("fsp_loss", wide, Adaptor("Gram", **flow), losses.fsp_loss(*states, wide.mask).item())
    same = [[h[k], h[k]] for k in range(2)]
    case("gram: fsp_loss of a layer with itself", wide, Adaptor("Gram", layers=one), losses.fsp_loss(*same, wide.mask).item())
    # With a mask, mmd_loss divides by the padded length and not by the width; so one sentence, without.
    single = Pair("student-narrow", alone)
    states = [[single.hidden(0, 0)[k], single.hidden(2, 4)[k]] for k in range(2)]
    case("mmd_loss", single, Adaptor("NST", **flow), losses.mmd_loss(*states).item())

    torch.manual_seed(7)
    h = narrow.hidden(1, 2)
    for kind, name, make, loss in (
        ("HidnTinyBERT", "linear", linear_projection, losses.hid_mse_loss),
        ("HidnCosine", "tanh", projection_with_activation("Tanh"), losses.cos_loss),
        ("Gram", "relu", projection_with_activation("ReLU"), lambda s, t, m: losses.fsp_loss([s, s], [t, t], m)),
    ):
        module = make(narrow.encoder.width, narrow.teacher_encoder.width).double()
        layer = module if name == "linear" else module[0]
        with torch.no_grad():
            for key, parameter in (("weight", layer.weight), ("bias", layer.bias)):
                parameter.copy_((0.3 * torch.randn(parameter.shape)).float())
                projections[f"projection.{kind}.{key}"] = parameter.detach().float()
            expected = loss(module(h[0]), h[1], narrow.mask).item()
        case(f"{kind}, projection {name}", narrow, Adaptor(kind, layers=one, projection=name), expected)

    folder = ROOT.parent / "textbrewer"
    folder.mkdir(exist_ok=True)
    (folder / "losses.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in cases) + "\n]\n")
    save_file(projections, folder / "projections.safetensors")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
