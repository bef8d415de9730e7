"""Writes Tests/TensorBoardTests/Fixtures/records.json: TFRecords of events, as TensorBoard itself encodes and frames them.

    python3 -m venv /tmp/tensorboard && /tmp/tensorboard/bin/pip install tensorboard==2.21.0
    /tmp/tensorboard/bin/python Tests/Goldens/make_tensorboard_fixtures.py
"""

import io
import json
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter, masked_crc32c

Value = summary_pb2.Summary.Value


def event(step, values):
    return event_pb2.Event(wall_time=1700000000.25, step=step, summary=summary_pb2.Summary(value=values))


text = Value(
    tag="config",
    tensor=tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=["    a: ä\n    b: 1".encode()]
    ),
    metadata=summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    ),
)
picture = Value(
    tag="attention",
    tensor=tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=3)]),
        string_val=[b"300", b"2", bytes(range(200))],
    ),
    metadata=summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="images"),
        summary_description="ä b",
        data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    ),
)
cases = {
    "fileVersion": event_pb2.Event(wall_time=1.0, file_version="brain.Event:2"),
    "sessionStart": event_pb2.Event(
        wall_time=1700000000.25, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    ),
    "scalars": event(
        1_000_000, [Value(tag="loss/total", simple_value=0.1), Value(tag="größe", simple_value=float("nan"))]
    ),
    "firstStep": event(0, [Value(tag="loss/total", simple_value=0.0)]),
    "text": event(0, [text]),
    "picture": event(7, [picture]),
}


def framed(event):
    stream = io.BytesIO()
    RecordWriter(stream).write(event.SerializeToString(deterministic=True))
    return stream.getvalue().hex()


checksums = [b"", b"123456789", bytes(range(256)) * 5]
fixture = {
    "records": {name: framed(value) for name, value in cases.items()},
    "checksums": [{"bytes": data.hex(), "masked": masked_crc32c(data)} for data in checksums],
}
path = pathlib.Path(__file__).parent.parent / "TensorBoardTests" / "Fixtures" / "records.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(fixture, indent=1) + "\n")
