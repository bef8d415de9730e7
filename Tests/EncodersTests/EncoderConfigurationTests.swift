import Checkpoints
import Encoders
import JSON
import Testing

struct EncoderConfigurationTests {
  private func read(_ json: JSON) throws -> (configuration: EncoderConfiguration, notices: [String]) {
    var notices: [String] = []
    let configuration = try EncoderConfiguration(huggingFace: json, path: "m/config.json", notices: &notices)
    return (configuration, notices)
  }

  @Test func whatIsAbsentTakesBERTsDefaults() throws {
    // The defaults of transformers' BertConfig.
    let (configuration, notices) = try read(["model_type": "bert", "classifier_dropout": .null])
    #expect(configuration == EncoderConfiguration())
    #expect(configuration.vocabularySize == 30_522 && configuration.hiddenSize == 768 && configuration.layers == 12)
    #expect(configuration.layerNormEps == 1e-12 && configuration.labels == ["LABEL_0", "LABEL_1"])
    #expect(notices.isEmpty)
  }

  @Test func readsEveryHyperparameter() throws {
    let json: JSON = [
      "model_type": "bert", "vocab_size": 100, "hidden_size": 312, "num_hidden_layers": 4, "num_attention_heads": 12,
      "intermediate_size": 1200, "hidden_act": "gelu_new", "hidden_dropout_prob": 0.2,
      "attention_probs_dropout_prob": 0, "classifier_dropout": 0.3, "max_position_embeddings": 64, "type_vocab_size": 1,
      "layer_norm_eps": 1e-5, "initializer_range": 0.01, "pad_token_id": 3,
      "id2label": ["1": "b", "0": "a", "2": "c"], "label2id": ["c": 2, "a": 0, "b": 1],
    ]
    var expected = EncoderConfiguration()
    expected.vocabularySize = 100
    expected.hiddenSize = 312
    expected.layers = 4
    expected.heads = 12
    expected.intermediateSize = 1200
    expected.activation = .geluNew
    expected.hiddenDropout = 0.2
    expected.attentionDropout = 0
    expected.classifierDropout = 0.3
    expected.maxPositions = 64
    expected.typeVocabularySize = 1
    expected.layerNormEps = 1e-5
    expected.initializerRange = 0.01
    expected.padTokenId = 3
    expected.labels = ["a", "b", "c"]
    #expect(try read(json).configuration == expected)
    #expect(try read(json).notices.isEmpty)
    // And what is written means the same.
    #expect(try read(expected.huggingFaceJSON()).configuration == expected)
  }

  private static let noticed: [(JSON, String)] = [
    ([:], "has no model_type"), (["model_type": "bert", "auto_map": ["AutoModel": "x.X"]], "auto_map"),
    (["model_type": "bert", "problem_type": "ranking"], "problem_type"),
    (["model_type": "bert", "num_labels": 3, "id2label": ["0": "a"]], "num_labels is 3, but 1"),
    (["model_type": "bert", "id2label": ["0": "a", "1": "b"], "label2id": ["a": 1, "b": 0]], "label2id contradicts"),
  ]

  @Test(arguments: noticed)
  func tellsWhatIsOdd(json: JSON, words: String) throws {
    let notices = try read(json).notices
    #expect(notices.count == 1)
    #expect(notices.first?.hasPrefix("m/config.json: \(words)") == true)
  }

  private static let refused: [(JSON, String)] = [
    ([], "expected an object, found an array"),
    (["model_type": "gpt2"], #"model_type: expected "bert", "roberta", "#),
    (["model_type": "gpt2"], #", found string "gpt2"; use a model of one of these families"#),
    (["model_type": "roberta", "pad_token_id": 511], "max_position_embeddings: expected at least 515, as this family"),
    (["model_type": "roberta", "position_embedding_type": "relative_key"], "position_embedding_type: expected"),
    (["model_type": "distilbert", "dim": 770], "n_heads: expected a divisor of dim 770, found 12"),
    (["model_type": "distilbert", "n_layers": 0], "n_layers: expected an integer from 1"),
    (["model_type": "electra", "embedding_size": 0], "embedding_size: expected an integer from 1 to 65536"),
    (["model_type": "mpnet", "relative_attention_num_buckets": 31], "relative_attention_num_buckets: expected"),
    (["position_embedding_type": "relative_key"], "position_embedding_type: expected \"absolute\""),
    (
      ["hidden_act": "swish"],
      #"hidden_act: expected gelu, gelu_new or relu, found string "swish"; use a model with one of these"#
    ),
    (["is_decoder": true], "is_decoder: expected false"), (["pruned_heads": ["0": [1]]], "pruned_heads"),
    (["hidden_size": 770], "num_attention_heads: expected a divisor of hidden_size 770, found 12"),
    (["num_attention_heads": 0], "num_attention_heads: expected an integer from 1"),
    (["hidden_size": -768], "hidden_size"),
    (["hidden_size": 65_537], "hidden_size: expected an integer from 1 to 65536"),
    (["hidden_size": 1.5], "found number 1.5"), (["num_hidden_layers": 257], "num_hidden_layers"),
    (["vocab_size": 4_000_001], "vocab_size"), (["vocab_size": "many"], "vocab_size"),
    (["vocab_size": 4_000_000, "hidden_size": 1_200], "expected a matrix of at most 2147483647 values"),
    (
      ["num_hidden_layers": 256, "hidden_size": 8_400, "intermediate_size": 33_600],
      "num_hidden_layers: expected a model"
    ),
    (["hidden_dropout_prob": 1], "hidden_dropout_prob"), (["layer_norm_eps": 0], "layer_norm_eps"),
    (["layer_norm_eps": 1e-60], "layer_norm_eps"), (["pad_token_id": 30_522], "pad_token_id"),
    (["num_labels": 0], "num_labels"), (["id2label": [:]], "id2label"),
    (["id2label": ["0": "a", "x": "b"]], "id2label"), (["id2label": ["0": "a", "00": "b"]], "id2label"),
    (["id2label": ["0": "a", "1": ["b"]]], "id2label"),
    (["id2label": ["a", "b"]], "id2label"), (["label2id": ["a": 0, "b": 0]], "label2id"),
  ]

  /// What transformers loads: any whole numbers for ids, any values for names.
  @Test(
    arguments: [
      (["0": 0, "1": 1], ["0", "1"], []), (["0": 1.5, "1": true], ["1.5", "true"], []),
      (["1": "a", "2": "b"], ["a", "b"], ["id2label: the ids 1, 2 are read as the outputs 0 to 1, in this order"]),
      (["0": "a", "2": "b"], ["a", "b"], ["id2label: the ids 0, 2 are read as the outputs 0 to 1, in this order"]),
      (["0": "a", "1": "a"], ["a", "a_1"], [#"id2label: "a" names two classes; output 1 is called "a_1""#]),
      (
        ["0": "a_1", "1": "a", "2": "a"], ["a_1", "a", "a_2"],
        [#"id2label: "a" names two classes; output 2 is called "a_2""#]
      ),
    ] as [(JSON, [String], [String])])
  func namesClassesAsTransformersDoes(ids: JSON, labels: [String], notices: [String]) throws {
    let found = try read(["model_type": "bert", "id2label": ids])
    #expect(found.configuration.labels == labels)
    #expect(found.notices == notices.map { "m/config.json: \($0)" })
  }

  @Test(arguments: refused)
  func refusesWhatCannotRun(json: JSON, words: String) {
    let error = #expect(throws: CheckpointError.self) { try read(json) }
    #expect(error?.description.hasPrefix("m/config.json: ") == true)
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["id2label", "label2id"])
  func boundsTheClasses(key: String) {
    var ids = JSONObject()
    for id in 0..<65_537 { ids["\(id)"] = key == "id2label" ? .string("\(id)") : .integer(id) }
    let error = #expect(throws: CheckpointError.self) { try read(["model_type": "bert", key: .object(ids)]) }
    #expect(error?.description == "m/config.json: \(key): expected at most 65536 classes, found 65537")
  }

  @Test func listsAllProblemsAtOnce() {
    let error = #expect(throws: CheckpointError.self) { try read(["vocab_size": 0, "hidden_act": 3, "num_labels": 0]) }
    #expect(error?.problems.count == 3)
  }

  @Test(
    arguments: [
      (["num_labels": 3], ["LABEL_0", "LABEL_1", "LABEL_2"]), (["label2id": ["b": 1, "a": 0]], ["a", "b"]),
      (["id2label": .null], ["LABEL_0", "LABEL_1"]),
    ] as [(JSON, [String])])
  func findsTheLabels(json: JSON, labels: [String]) throws {
    #expect(try read(json).configuration.labels == labels)
  }

  @Test func keepsUnknownMembersAndTheirOrder() throws {
    let original = try JSON.parse(
      #"""
      {"_name_or_path": "/home/me/x", "cell": {}, "emb_size": 312, "layer_norm_eps": 1e-12, "torch_dtype": "float16",
       "architectures": ["BertModel"], "hidden_dropout_prob": 0.10, "num_labels": 2, "transformers_version": "4.0"}
      """#)
    var configuration = try read(original).configuration
    configuration.labels = ["no", "yes"]
    configuration.hiddenDropout = 0.3
    let written = configuration.huggingFaceJSON(preserving: original)
    let members = try #require(written.object)
    #expect(
      members.keys.prefix(7) == [
        "cell", "emb_size", "layer_norm_eps", "torch_dtype", "architectures", "hidden_dropout_prob",
        "transformers_version",
      ])
    #expect(members["torch_dtype"] == "float32" && members["dtype"] == nil)
    #expect(members["layer_norm_eps"] == 1e-12 && members["hidden_dropout_prob"] == 0.3)
    #expect(members["architectures"] == ["BertForSequenceClassification"])
    #expect(members["id2label"] == ["0": "no", "1": "yes"] && members["label2id"] == ["no": 0, "yes": 1])
    #expect(members["problem_type"] == "single_label_classification" && members["classifier_dropout"] == .null)
    #expect(configuration.huggingFaceJSON()["dtype"] == "float32")
    #expect(try read(written).configuration == configuration)
  }
}
