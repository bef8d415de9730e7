import Checkpoints
import Encoders
import JSON

extension FuzzTarget {
  /// A whole safetensors file: its length, its header and its bytes. What is accepted is read.
  static func safetensors(in workspace: Workspace) -> FuzzTarget {
    let files = ["order", "types", "types-as-float32"].map {
      parts(Repository.bytes("Tests/CheckpointsTests/Fixtures/\($0).safetensors"))
    }
    return FuzzTarget(
      "safetensors", parts: files,
      words: words + [
        "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"format\":\"pt\"", "F32", "F16", "BF16",
        "F64", "I64", "I8", "U8", "BOOL", "F8_E4M3", "[]", "[0]", "[0,0]", "[0,4]", "[1,1,1,1,1,1,1,1,1]",
        "[4294967296,4294967296]", "[9223372036854775807,2]", "    ",
      ],
      bombs: [
        { file(.repeating("{\"a\":", 4 << 20)) }, { file(.repeating(" ", 24 << 20, before: "{}")) },
        { file(.repeating("[", 24 << 20, before: "{\"a\":")) },
        {
          file(
            .counting(120_000, before: "{", after: "\"\":0}") {
              "\"\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
            })
        },
        {
          file(
            .counting(100_000, before: "{", after: "\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}") {
              "\"\($0)\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
            }, data: [0])
        },
        { file(.repeating("0,", 8 << 20, before: "{\"a\":{\"dtype\":\"F32\",\"shape\":[", after: "0]}}")) },
        { file(.counting(1 << 19, before: "{\"__metadata__\":{", after: "\"\":\"\"}}") { "\"\($0)\":\"\"," }) },
        { .repeating("\u{7f}", 1 << 20) }, { [0, 0, 0, 0, 0, 0, 0, 0x80] + .repeating("{", 1 << 20) },
      ],
      assemble: { parts, random in
        // Seldom the length that the file had, mostly that of the header as it is now.
        random.chance(1, in: 8) ? Array(parts.joined()) : file(parts[1], data: parts[2])
      },
      parse: { bytes in
        let file = try SafetensorsFile(workspace.write(bytes, "x.safetensors"))
        promise(file.tensors.reduce(0) { $0 + $1.range.count } <= bytes.count)
        for tensor in file.tensors.prefix(100) {
          promise(try file.bytes(tensor).count == tensor.range.count)
          if tensor.type.isFloatingPoint { promise(try file.floats(tensor).count == tensor.count) }
        }
      })
  }

  /// Length, header and data.
  private static func parts(_ file: [UInt8]) -> [[UInt8]] {
    let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    return [Array(file[..<8]), Array(file[8..<8 + length]), Array(file[(8 + length)...])]
  }

  private static func file(_ header: [UInt8], data: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
  }

  /// `model.safetensors.index.json` beside its shards.
  static func shardIndex(in workspace: Workspace) -> FuzzTarget {
    let directory = workspace.directory("sharded")
    let fixtures = "Tests/CheckpointsTests/Fixtures/sharded"
    for name in ["config.json"] + (1...3).map({ "model-0000\($0)-of-00003.safetensors" }) {
      writeFile(Repository.bytes("\(fixtures)/\(name)"), "\(directory)/\(name)")
    }
    return FuzzTarget(
      "shard-index", seeds: [Repository.bytes("\(fixtures)/model.safetensors.index.json")],
      words: words + ["weight_map", "metadata", "../", "/", "model-00001-of-00003.safetensors", ".safetensors", "\\"],
      bombs: [
        {
          .counting(1 << 18, before: "{\"weight_map\":{", after: "\"\":0}}") {
            "\"\($0)\":\"model-00001-of-00003.safetensors\","
          }
        },
        {
          .counting(1 << 18, before: "{\"weight_map\":{", after: "\"z\":\"z.safetensors\"}}") {
            "\"\($0)\":\"\($0).safetensors\","
          }
        },
      ]
    ) { bytes in
      writeFile(bytes, "\(directory)/model.safetensors.index.json")
      let weights = try ModelDirectory(directory).weights()
      promise(weights.tensors.allSatisfy { $0.file.path.hasPrefix(directory + "/model-") })
    }
  }

  /// What each family reads of a `config.json`, with its defaults.
  static var families: [JSON] {
    EncoderFamily.all.map { .object(EncoderConfiguration(family: $0).familyMembers) }
  }

  /// `config.json` of a model. What is accepted is within bounds, and says the same when written and read again.
  static var modelConfiguration: FuzzTarget {
    FuzzTarget(
      "config-json",
      seeds: [
        Repository.bytes("Tests/CheckpointsTests/Fixtures/classifier/config.json"),
        Repository.bytes("Tests/CheckpointsTests/Fixtures/encoder/config.json"),
        Array(#"{"hidden_size":64,"num_attention_heads":4,"num_labels":3,"layer_norm_eps":1e-12}"#.utf8),
        Repository.bytes("Tests/Fixtures/positions/deberta-v3/config.json"),
        Repository.bytes("Tests/Fixtures/positions/modernbert-biased/config.json"),
      ] + families.map { $0.bytes() },
      words: words + [
        "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size", "id2label",
        "label2id", "num_labels", "hidden_act", "gelu", "relu", "gelu_new", "max_position_embeddings", "pad_token_id",
        "type_vocab_size", "classifier_dropout", "hidden_dropout_prob", "pruned_heads", "model_type", "\"0\"",
        "LABEL_1",
      ] + families.flatMap { $0.object?.keys.map { "\"\($0)\"" } ?? [] },
      bombs: [
        { .counting(1 << 18, before: "{\"id2label\":{", after: "\"x\":\"x\"}}") { "\"\($0)\":\"L\($0)\"," } },
        {
          .counting(60_000, before: "{\"hidden_size\":12,\"id2label\":{", after: "\"60000\":\"x\"}}") {
            "\"\($0)\":\"L\($0)\","
          }
        },
        { .counting(1 << 18, before: "{\"label2id\":{", after: "\"x\":-1}}") { "\"\($0)\":\($0)," } },
        { .repeating("[0],", 1 << 20, before: "{\"pruned_heads\":[", after: "0]}") },
        { .repeating("x", 3 << 20, before: "{\"hidden_act\":\"", after: "\"}") },
      ]
    ) { bytes in
      let json = try JSON.parse(bytes, limits: ModelDirectory.configurationLimits)
      var notices: [String] = []
      let configuration = try EncoderConfiguration(huggingFace: json, path: "config.json", notices: &notices)
      promise(!notices.contains { $0.utf8.contains { $0 < 0x20 } })
      promise(configuration.layers <= 256 && configuration.hiddenSize <= 65_536)
      promise(configuration.hiddenSize % configuration.heads == 0)
      let written = configuration.huggingFaceJSON(preserving: json)
      promise(try EncoderConfiguration(huggingFace: written, path: "config.json") == configuration)
    }
  }
}
