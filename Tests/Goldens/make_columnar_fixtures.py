"""Writes Tests/ColumnarTests/Fixtures with pyarrow, polars and datasets: one small table in many ways of writing it.

Run from the package's root: python3 Tests/Goldens/make_columnar_fixtures.py (pip install pyarrow polars)
"""

import json
import shutil
from pathlib import Path

import polars
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

fixtures = Path("Tests/ColumnarTests/Fixtures")
shutil.rmtree(fixtures, ignore_errors=True)
fixtures.mkdir(parents=True)

rows = 40


def table(large=False):
    """What ColumnarTests.swift expects, in rows.jsonl."""
    text, listed = (pa.large_string(), pa.large_list) if large else (pa.string(), pa.list_)
    words = [f"naïve {i * i % 97}" if i % 7 else "😀 long enough to stand in a buffer of its own" for i in range(rows)]
    return pa.table(
        {
            "text": pa.array(words, text),
            "text_pair": pa.array([None if i % 5 == 0 else f"pair {i}" for i in range(rows)], text),
            "label": pa.array([i % 3 for i in range(rows)], pa.int64()),
            "small": pa.array([None if i % 11 == 3 else i - 20 for i in range(rows)], pa.int8()),
            "unsigned": pa.array([2**32 - 1 - i for i in range(rows)], pa.uint32()),
            "score": pa.array([None if i % 4 == 1 else i / 8 for i in range(rows)], pa.float32()),
            "double": pa.array([i / 3 for i in range(rows)], pa.float64()),
            "flag": pa.array([None if i % 6 == 0 else i % 2 == 0 for i in range(rows)], pa.bool_()),
            "words": pa.array(
                [None if i == 4 else [None if j == 2 else f"w{j}" for j in range(i % 4)] for i in range(rows)],
                listed(text)),
            "tags": pa.array([[j * i for j in range(i % 3)] for i in range(rows)], listed(pa.int64())),
        })


plain = table()
(fixtures / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in plain.to_pylist()))


def parquet(name, data=plain, **options):
    pq.write_table(data, fixtures / f"{name}.parquet", **options)


for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
    for version in ("1.0", "2.0"):
        parquet(f"{codec}-v{version[0]}", compression=codec, data_page_version=version, row_group_size=16)
parquet("plain", use_dictionary=False, compression="none", write_page_checksum=True)
parquet("pages", data_page_size=64, write_batch_size=4, dictionary_pagesize_limit=64, write_page_checksum=True)
parquet("pages-v2", data_page_size=64, write_batch_size=4, data_page_version="2.0", use_dictionary=False)
delta = {"text": "DELTA_BYTE_ARRAY", "text_pair": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED",
         "small": "DELTA_BINARY_PACKED", "unsigned": "DELTA_BINARY_PACKED", "score": "BYTE_STREAM_SPLIT",
         "double": "BYTE_STREAM_SPLIT", "flag": "RLE", "words.list.element": "DELTA_BYTE_ARRAY",
         "tags.list.element": "DELTA_BINARY_PACKED"}
parquet("delta", use_dictionary=False, column_encoding=delta, data_page_version="2.0")
parquet("large", table(large=True))
parquet("legacy-lists", use_compliant_nested_type=False, version="1.0")
polars.from_arrow(plain).write_parquet(fixtures / "polars.parquet")
polars.from_arrow(plain).write_parquet(fixtures / "polars-snappy.parquet", compression="snappy", row_group_size=13)
parquet("empty", plain.slice(0, 0))

# As datasets writes them: classes in the metadata.
features = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["sad", "so so", "happy"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["O", "B-X", "I-X"], "_type": "ClassLabel"}, "_type": "Sequence"},
}
noted = pa.table(
    {"text": ["a b", "c", "d e f"], "label": pa.array([2, 0, 1]), "words": [["a", "b"], ["c"], ["d", "e", "f"]],
     "tags": [[0, 1], [0], [1, 2, 2]]}).replace_schema_metadata(
    {"huggingface": json.dumps({"info": {"features": features}})})
parquet("classes", noted)

# Columns that are not read.
parquet("others", pa.table({"text": ["a"], "when": pa.array([0], pa.timestamp("ms")), "struct": [{"x": 1}],
                            "fixed": pa.array([b"ab"], pa.binary(2)), "nested": [[["a"]]],
                            "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}))


# MARK: Arrow


def stream(name, data=plain, batch=16, **options):
    with pa.ipc.new_stream(fixtures / f"{name}.arrow", data.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(data, max_chunksize=batch)


stream("stream")
stream("stream-large", table(large=True))
stream("stream-zstd", compression="zstd")
stream("stream-lz4", compression="lz4")
stream("classes", noted)
stream("empty", plain.slice(0, 0))
views = plain.set_column(0, "text", plain["text"].cast(pa.string_view()))
stream("views", views)
categories = plain.set_column(0, "text", plain["text"].dictionary_encode())
stream("categories", categories)
stream("others", pa.table({"when": pa.array([0], pa.timestamp("ms")), "struct": [{"x": 1}],
                           "nested": [[["a"]]], "fixed": pa.array([b"ab"], pa.binary(2)),
                           "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "none": pa.nulls(1),
                           "text": ["a"]}))
feather.write_feather(plain, str(fixtures / "file.arrow"), compression="uncompressed")
# With LZ4, as it is where nothing else is said.
feather.write_feather(plain, str(fixtures / "feather.arrow"))
feather.write_feather(pa.table({"text": [f"row {i % 7} of several" for i in range(6_000)]}), str(fixtures / "long-lz4.arrow"))
polars.from_arrow(plain).write_ipc(fixtures / "polars.arrow", compression="uncompressed")
