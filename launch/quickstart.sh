#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Sets everything up and runs the main job on real data, with two ranks: fine-tunes a BERT teacher on tweets and
# distils it into a student of half its layers, with labelled tweets and with tweets that have no labels. Prints how teacher
# and students compare on tweets that nothing was selected on.
#
#   launch/quickstart.sh
#
# Writes to runs/quickstart. A second run reuses what is finished there; remove a folder to have it made anew.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=runs/quickstart
data=$folder/data
ranks=2
epochs=4
# On a few hundred tweets the loss says less than what is counted.
checkpoint="{monitor: val_macro_recall, mode: max}"

step() { printf '\n== %s\n' "$*"; }

# train NAME CONFIG ARGUMENT…: one run, into its folder, unless it is finished.
train() {
  local run=$folder/$1
  if [[ -e $run/summary.json ]]; then
    echo "Finished before: $run"
    return
  fi
  rm -rf "$run" # of a run that was interrupted
  launch/local.sh "$ranks" --config "$2" --set run.directory="$run" \
    --set data.train.text="$data/labelled_text.txt" --set data.train.labels="$data/labelled_labels.txt" \
    --set data.validation.text="$data/val_text.txt" --set data.validation.labels="$data/val_labels.txt" "${@:3}"
}

# row TITLE NAME: a line of the table, from an evaluation of the run's best model on the test tweets.
row() {
  local evaluation key value values=()
  evaluation=$(.build/release/distill-ddp evaluate --json --model "$folder/$2/best" \
    --data "$data/test_text.txt" "$data/test_labels.txt")
  for key in parameters accuracy macro_f1 macro_recall seconds_per_1000; do
    value=$(tr ',{}' '\n' <<< "$evaluation" | sed -n "s/^ *\"$key\" *: *\([-+.0-9eE]*\) *\$/\1/p")
    [[ $value ]] || fail "evaluate --json: expected one \"$key\", found: $evaluation"
    values+=("$value")
  done
  LC_ALL=C printf '%-28s %12d %9.3f %9.3f %13.3f %16.2f\n' "$1" "${values[@]}"
}

step "Installing what is missing"
launch/install.sh pip

step "Building distill-ddp"
swift build -c release --product distill-ddp

step "Fetching the model and the tweets"
launch/fetch-quickstart-data.sh

# Another teacher means other students.
if [[ ! -e $folder/teacher/summary.json ]]; then
  rm -rf "$folder"/{labels-only,distilled,teacher-cache}
fi

step "Fine-tuning the teacher"
train teacher configs/finetune.yaml --set student.model="$folder/model" --set stages.finetune.epochs="$epochs" \
  --set training.learningRate=1.0e-4 --set stages.finetune.checkpoint="$checkpoint"

step "Training a student on the labels alone"
train labels-only configs/student_baseline.yaml --set teacher.model="$folder/teacher/best" \
  --set stages.labels.epochs="$epochs" --set stages.labels.checkpoint="$checkpoint"

step "Distilling a student, with tweets that have no labels"
train distilled configs/recipes/few-labels.yaml --set teacher.model="$folder/teacher/best" \
  --set teacher.cache="{path: $folder/teacher-cache}" --set data.unlabelled="[{text: $data/unlabelled_text.txt}]" \
  --set stages.distil.epochs="$epochs" --set stages.distil.checkpoint="$checkpoint"

step "Comparing them"
printf '%-28s %12s %9s %9s %13s %16s\n' "" parameters accuracy macro-F1 macro-recall "s/1,000 tweets"
row "teacher" teacher
row "student, labels only" labels-only
row "student, distilled" distilled
