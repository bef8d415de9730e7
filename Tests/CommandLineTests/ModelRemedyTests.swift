import Checkpoints
import Testing

/// What errors of models, tokenizers, the hub and launchers tell the user to do helps.
@Suite("remedies of models, the hub and launchers")
struct ModelRemedyTests {
  /// Each in a shell in a workspace, which has the program as `$0`. What is not the program's to give, such as a sound
  /// copy of a file, is taken from the directory `sound`.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let mistake: String
    let messages: [String]
    /// Does what was told.
    let remedy: String

    init(_ name: String, _ mistake: String, _ messages: [String], _ remedy: String) {
      (testDescription, self.mistake, self.messages, self.remedy) = (name, mistake, messages, remedy)
    }
  }

  /// What a case may call: `predict`, with the model `teacher`; `onRanks`, which starts two; and `hub`, from which on
  /// names are looked up on a hub that has `acme/tiny`.
  private static let functions = """
    program=$0
    predict() { "$program" predict --model teacher --input t; }
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    onRanks() { mpirun --oversubscribe --bind-to none -np 2 "$program" predict --model teacher --input t; }
    hub() {
      mkdir -p hub/models/acme && cp -r sound hub/models/acme/tiny
      python3 '\(BinaryUnderTest.fixtures)/../HubTests/hub_server.py' hub > /dev/null 2>&1 &
      trap "kill $!" EXIT
      until [ -s hub/ports.json ]; do sleep 0.05; done
      port=$(python3 -c "import json; print(json.load(open('hub/ports.json'))['hub'])")
      export HF_HUB_OFFLINE=0 HF_HUB_CACHE="$PWD/cache" HF_ENDPOINT="http://127.0.0.1:$port"
    }

    """

  private static let pointer = #"printf 'version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 99\n' >"#
  private static let again = "the file is incomplete or altered; copy or download it again"

  /// A zip archive such as `torch.save` writes, with other entries.
  private static func archive(_ entries: String) -> String {
    """
    rm teacher/model.safetensors; python3 -c "
    import pickle, zipfile
    with zipfile.ZipFile('teacher/pytorch_model.bin', 'w') as z:
      for name, bytes in {\(entries)}.items(): z.writestr('archive/' + name, bytes)
    "; predict
    """
  }

  /// Predicts with PyTorch's file of a model's state dictionary.
  private static let stateDictionary = "cp pytorch/* teacher/ && predict"

  static let cases = [
    Case(
      "weights that Git LFS did not fetch", "\(pointer) teacher/model.safetensors; predict",
      ["found a pointer of Git LFS; fetch the file itself with git lfs pull"],
      "cp sound/model.safetensors teacher/ && predict"),
    Case(
      "a tokenizer that Git LFS did not fetch", "\(pointer) teacher/tokenizer.json; predict",
      ["tokenizer.json: expected a tokenizer's file, found a pointer of Git LFS"],
      "rm teacher/tokenizer.json && predict"),
    Case(
      "texts that Git LFS did not fetch", "\(pointer) t; predict",
      ["t: expected text, found a pointer of Git LFS; fetch the file itself with git lfs pull"],
      "echo good > t; predict"),
    Case(
      "columns that Git LFS did not fetch", "\(pointer) t.parquet; $0 predict --model teacher --input t.parquet",
      ["t.parquet: expected Parquet, found a pointer of Git LFS"], "predict"),
    Case(
      "half of the weights", "head -c 5000 sound/model.safetensors > teacher/model.safetensors; predict", [again],
      "cp sound/model.safetensors teacher/ && predict"),
    Case(
      "all but the end of the weights", "head -c -9 sound/model.safetensors > teacher/model.safetensors; predict",
      [again], "cp sound/model.safetensors teacher/ && predict"),
    Case(
      "no weights", "rm teacher/model.safetensors; predict", ["; copy the model's weights there"],
      "cp sound/model.safetensors teacher/ && predict"),
    Case(
      "the configuration of another model", "cp student/config.json teacher/; predict",
      ["does config.json belong to this file?"], "cp sound/config.json teacher/ && predict"),
    Case(
      "a family that is not here", #"sed -i 's/"bert"/"t5"/' teacher/config.json; predict"#,
      [#"model_type: expected "bert", "roberta""#, "use a model of one of these families"],
      "cp sound/config.json teacher/ && predict"),
    Case(
      "a training checkpoint", archive("'data.pkl': pickle.dumps({'epoch': 3}, 2), 'version': '3'"),
      ["epoch: expected a tensor, found 3; save the model's state_dict() alone"], stateDictionary),
    Case(
      "a whole module", archive("'data.pkl': pickle.dumps(zipfile.ZipFile, 2), 'version': '3'"),
      ["state_dict()"], stateDictionary),
    Case(
      "a TorchScript program", archive("'data.pkl': pickle.dumps({}, 2), 'constants.pkl': ''"),
      ["found a TorchScript program; save model.state_dict() instead"], stateDictionary),
    Case(
      "a tar archive", "rm teacher/model.safetensors; tar cf teacher/pytorch_model.bin t; predict",
      ["found a tar archive; load it with PyTorch and save its state_dict() again"], stateDictionary),
    Case(
      "an empty file of PyTorch's", "rm teacher/model.safetensors; : > teacher/pytorch_model.bin; predict",
      ["found an empty one; copy or download it again"], stateDictionary),
    Case(
      "no tokenizer", "rm teacher/vocab.txt; predict",
      ["expected tokenizer.json, vocab.txt or vocab.json, found none; name a model directory"],
      "$0 predict --model sound --input t"),
    Case(
      "byte pairs without merges", #"rm teacher/vocab.txt; echo '{"a": 0}' > teacher/vocab.json; predict"#,
      ["merges.txt: expected the merges beside vocab.json, found no file; copy it there too"],
      "rm teacher/vocab.json; cp sound/vocab.txt teacher/ && predict"),
    Case(
      "a larger vocabulary than the model's", "echo extra >> teacher/vocab.txt; predict",
      ["the tokenizer has 32 tokens, but the model's vocab_size is 31; use the tokenizer that belongs to the model"],
      "cp sound/vocab.txt teacher/ && predict"),
    Case(
      "a tokenizer of another kind",
      #"echo '{"tokenizer_class": "BertJapaneseTokenizer"}' > teacher/tokenizer_config.json; predict"#,
      [
        #"tokenizer_class: expected BertTokenizer or one like it beside a vocab.txt, found string "BertJap"#,
        "use a model with such a tokenizer",
      ],
      "cp sound/tokenizer_config.json teacher/ && predict"),
    Case(
      "numbers that are none",
      "python3 -c \"f = open('teacher/model.safetensors', 'r+b'); f.seek(-4, 2); f.write(b'\\0\\0\\xc0\\x7f')\"; predict",
      ["expected finite numbers, found NaN or infinity; use a checkpoint from before its training diverged"],
      "cp sound/model.safetensors teacher/ && predict"),
    Case(
      "a smaller vocabulary of byte pairs",
      #"""
      cd student; rm vocab.txt tokenizer_config.json; echo '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}' > vocab.json
      echo '#version: 0.2' > merges.txt; cd ..
      $0 validate --config f.yaml --set student='{model: student, vocabulary: {keep: 3}}'
      """#,
      ["found BPE; leave out student.vocabulary"], "$0 validate --config f.yaml --set student='{model: student}'"),
    Case(
      "no directory of features", "$0 cache ls nowhere", ["give the configuration's teacher.cache.path"],
      "$0 --config c.yaml --set teacher.cache.path=kept --quiet && $0 cache ls kept"),
    Case(
      "no run", "$0 report teacher", ["found none; give what run.directory named"],
      "$0 --config c.yaml --quiet && $0 report run"),
    Case(
      "an export over something else", "$0 export teacher student",
      ["expected no directory, an empty one, or an earlier export to replace; choose another path"],
      "$0 export teacher exported"),
    Case(
      "a library of MPI that is not there", "DISTILL_DDP_MPI=/nowhere onRanks",
      ["DISTILL_DDP_MPI: expected Open MPI's or MPICH's library", "name the library's file, or unset the variable"],
      "unset DISTILL_DDP_MPI; onRanks"),
    Case(
      "a number of ranks that is none", "OMPI_COMM_WORLD_SIZE=two OMPI_COMM_WORLD_RANK=0 predict",
      ["start the job with mpirun or srun, or unset the variable to run one process"], "predict"),
    Case(
      "ranks that do not see each other", "SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 predict",
      ["srun --mpi=pmix missing? (srun --mpi=list must show pmix), else use mpirun inside the allocation"],
      "onRanks"),
    Case(
      "a name of the hub that is not in the cache", "HF_HUB_OFFLINE=1 $0 predict --model acme/tiny --input t",
      ["with a network and HF_HUB_OFFLINE unset, run distill-ddp fetch acme/tiny"],
      "hub; $0 fetch acme/tiny && HF_HUB_OFFLINE=1 $0 predict --model acme/tiny --input t"),
    Case(
      "a hub that does not answer",
      "HF_HUB_OFFLINE=0 HF_ENDPOINT=http://127.0.0.1:9 $0 predict --model acme/tiny --input t",
      ["see whether this machine reaches the hub (HF_ENDPOINT, https_proxy), or fetch the model where it does"],
      "hub; $0 fetch acme/tiny && HF_HUB_OFFLINE=1 $0 predict --model acme/tiny --input t"),
    Case(
      "a hub that is no address", "HF_HUB_OFFLINE=0 HF_ENDPOINT=hub $0 fetch acme/tiny", ["HF_ENDPOINT: expected"],
      "hub; $0 fetch acme/tiny"),
    Case(
      "a path that leads nowhere", "HF_HUB_OFFLINE=1 $0 predict --model models/tiny --input t",
      ["there is no such directory here; check the path", "name the model as the hub does, such as tiny"],
      "$0 predict --model ./teacher --input t"),
  ]

  @Test("of a model, the hub or a launcher", arguments: cases)
  func help(_ mistake: Case) throws {
    let workspace = try TinyWorkspace(trainRows: 8, validationRows: 4)
    try workspace.makeModel("sound")
    try createDirectories("\(workspace.path)/pytorch")
    for file in ["config.json", "pytorch_model.bin"] {
      let path = "\(BinaryUnderTest.fixtures)/../CheckpointsTests/PyTorchFixtures/model-zip/\(file)"
      try workspace.write(try #require(bytes(of: path)), to: "pytorch/\(file)")
    }
    try workspace.write(TinyWorkspace.vocabulary.prefix(24).map { $0 + "\n" }.joined(), to: "pytorch/vocab.txt")
    try workspace.write("good\nbad\n", to: "t")
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
    try workspace.write(Configuration.finetune.yaml, to: "f.yaml")
    func run(_ command: String) throws -> ProgramRun {
      try workspace.runInShell(Self.functions + command, [])
    }
    let wrong = try run(mistake.mistake)
    #expect(wrong.status != 0, "\(wrong)")
    for message in mistake.messages { #expect(wrong.errors.contains(message), "\(wrong)") }
    let right = try run(mistake.remedy)
    #expect(right.status == 0, "\(right)")
  }
}
