import Text

extension FuzzTarget {
  static func tokenizers(in workspace: Workspace) -> [FuzzTarget] {
    func seeds(_ name: String, _ fixtures: String...) -> [[UInt8]] {
      fixtures.map { Repository.bytes("Tests/TextTests/Fixtures/\($0)/\(name)") }
    }
    let vocabulary = seeds("vocab.txt", "uncased")[0]
    return [
      tokenizer(
        "vocabulary", "vocab.txt", seeds: seeds("vocab.txt", "uncased", "cased"), in: workspace,
        words: ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "##", "##a", "\r\n", "\u{2028}", "\u{85}", " "],
        bombs: [
          { vocabulary + .repeating("\n", 4 << 20) }, { vocabulary + .repeating("a\n", 3 << 20) },
          { vocabulary + .counting(1 << 20) { String($0, radix: 36) + "\n" } },
          { vocabulary + .repeating("a", 15 << 20) }, { vocabulary + .repeating("b", 17 << 20) },
          { vocabulary + .repeating(" ", 8 << 20) },
        ]),
      tokenizer(
        "tokenizer-json", "tokenizer.json", seeds: seeds("tokenizer.json", "uncased", "added"), in: workspace,
        words: tokenizerWords, bombs: tokenizerBombs),
      tokenizer(
        "tokenizer-pipeline", "tokenizer.json",
        seeds: pipelines.map { Repository.bytes("Tests/TextTests/Fixtures/pipelines/\($0).json") }, in: workspace,
        words: tokenizerWords + pipelineWords, bombs: pipelineBombs),
      tokenizer(
        "merges", "merges.txt", seeds: ["#version: 0.2\na b\nab c\n", "a b\r\nb c"].map { Array($0.utf8) },
        beside: [("vocab.json", Array(bytePairs.utf8))], in: workspace,
        words: ["a b", "ab c", " ", "\r\n", "#version"],
        bombs: [{ .repeating("a b\n", 4 << 20) }, { .repeating("a", 8 << 20) }, { .repeating(" ", 8 << 20) }]),
      tokenizer(
        "vocabulary-json", "vocab.json", seeds: [Array(bytePairs.utf8)],
        beside: [("merges.txt", Array("a b\nab c\n".utf8))], in: workspace,
        words: ["\"<s>\":0", "\"</s>\"", "\"Ġ\"", "4194304", "-1", ","],
        bombs: [
          { .counting(1 << 19, before: "{\"<s>\":0,\"</s>\":1", after: "}") { ",\"t\($0)\":\($0 + 2)" } }
        ]),
      tokenizer(
        "tokenizer-config", "tokenizer_config.json",
        seeds: seeds("tokenizer_config.json", "uncased", "cased")
          + [
            #"{"added_tokens_decoder":{"0":{"content":"[PAD]","lstrip":false,"normalized":false,"rstrip":false,"#
              + #""single_word":false,"special":true}},"do_lower_case":true,"tokenizer_class":"BertTokenizer"}"#
          ].map { Array($0.utf8) }, beside: [("vocab.txt", vocabulary)], in: workspace,
        words: tokenizerWords,
        bombs: [
          {
            .counting(40_000, before: "{\"added_tokens_decoder\":{", after: "\"-5\":{}}}") {
              "\"\(1_000_000 + $0)\":{\"content\":\"t\($0)\"},"
            }
          },
          { .counting(40_000, before: "{\"additional_special_tokens\":[", after: "\"x\"]}") { "\"t\($0)\"," } },
        ]),
      tokenizer(
        "special-tokens", "special_tokens_map.json", seeds: seeds("special_tokens_map.json", "uncased"),
        beside: [("vocab.txt", vocabulary)], in: workspace, words: tokenizerWords,
        bombs: [
          { .counting(40_000, before: "{\"additional_special_tokens\":[", after: "\"x\"]}") { "\"t\($0)\"," } },
          { .repeating("a", 1 << 20, before: "{\"mask_token\":\"", after: "\"}") },
        ]),
    ]
  }

  /// One file of a tokenizer's directory. What is accepted tokenises within its vocabulary, and is written.
  private static func tokenizer(
    _ name: String, _ file: String, seeds: [[UInt8]], beside others: [(String, [UInt8])] = [],
    in workspace: Workspace, words: [String], bombs: [() -> [UInt8]]
  ) -> FuzzTarget {
    let directory = workspace.directory(name)
    for (name, bytes) in others { writeFile(bytes, "\(directory)/\(name)") }
    var target = FuzzTarget(name, seeds: seeds, words: words, bombs: bombs) { bytes in
      writeFile(bytes, "\(directory)/\(file)")
      let tokenizer = try Tokenizer(directory: directory)
      for (text, pair) in texts {
        guard let encoding = try? tokenizer.encode(text, pair: pair, maxLength: 64) else { continue }
        promise(encoding.ids.allSatisfy { (0..<tokenizer.vocabularySize).contains(Int($0)) })
        promise(encoding.ids.count == encoding.typeIds.count)
        guard text.utf8.count < 100, let located = try? tokenizer.encode(text, pair: pair, maxLength: 64, offsets: true)
        else { continue }
        promise(located.ids == encoding.ids && located.offsets.count == located.ids.count)
        let longest = max(text.unicodeScalars.count, pair?.unicodeScalars.count ?? 0)
        promise(located.offsets.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= longest })
      }
      if bytes.count < 1 << 20 { _ = tokenizer.files() }
    }
    // Every prefix of a token is a node of a trie.
    target.memoryPerByte = 24
    return target
  }

  private static let texts: [(String, String?)] = [
    ("The unhappy café, New York!", nil), ("İstanbul 中国 a<ent>b [MASK]", "playing\u{0}games love"), ("", ""),
    (String(repeating: "a", count: 100_000), nil), (String(repeating: " \n", count: 50_000), nil),
    ("a \u{301}\u{1F600}\u{FFFD}\u{202E}[SEP]", nil),
  ]

  private static let tokenizerWords =
    words + [
      "\"id\"", "\"content\"", "\"special\"", "\"normalized\"", "\"single_word\"", "\"lstrip\"", "\"rstrip\"", "true",
      "\"type\"", "\"BertNormalizer\"", "\"TemplateProcessing\"", "\"BertProcessing\"", "\"WordPiece\"", "\"vocab\"",
      "\"added_tokens\"", "\"special_tokens\"", "\"ids\"", "\"Sequence\"", "\"SpecialToken\"", "\"type_id\"", "[CLS]",
      "[SEP]", "[UNK]", "##", "unk_token", "max_input_chars_per_word", "continuing_subword_prefix", "\" \"", "\"\\n\"",
      "do_lower_case", "strip_accents", "added_tokens_decoder", "additional_special_tokens", "truncation_side",
      "\"left\"",
    ]

  // MARK: Pipelines

  private static let pipelines = [
    "albert", "camembert", "continuing", "deberta-v3", "gpt2-split", "llama-fallback", "llama3", "modernbert",
    "nmt-fallback", "openai-gpt", "roberta-prefixed", "xlm-roberta",
  ]
  private static let bytePairs = #"{"<s>":0,"</s>":1,"<unk>":2,"a":3,"b":4,"c":5,"ab":6,"abc":7,"Ġ":8}"#

  private static let pipelineWords = [
    "\"BPE\"", "\"Unigram\"", "\"ByteLevel\"", "\"Metaspace\"", "\"Split\"", "\"Regex\"", "\"String\"", "\"NFKC\"",
    "\"Replace\"", "\"Precompiled\"", "\"Prepend\"", "\"Strip\"", "\"Nmt\"", "\"Digits\"", "\"Punctuation\"",
    "\"merges\"",
    "\"byte_fallback\":true", "\"fuse_unk\":true", "\"ignore_merges\":true", "\"add_prefix_space\":true", "\"first\"",
    "\"RobertaProcessing\"", "\"MergedWithNext\"", "\"Contiguous\"", "\\\\p{L}", "\\\\s+(?!\\\\S)", "{1,3}",
    "(?i:'s|a)", "[^a-z]+",
    "<0x41>", "-12.5", "AAAA", "null",
  ]

  private static func unigram(_ normalizer: String, _ preTokenizer: String) -> [UInt8] {
    Array(
      (#"{"normalizer":\#(normalizer),"pre_tokenizer":\#(preTokenizer),"#
        + #""post_processor":{"type":"BertProcessing","cls":["<s>",1],"sep":["</s>",2]},"#
        + #""model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["<s>",0],["</s>",0],["a",-1]]}}"#).utf8)
  }

  private static var pipelineBombs: [() -> [UInt8]] {
    let long = String(repeating: "a", count: 500)
    return [
      // Texts that grow step by step.
      {
        unigram(
          #"{"type":"Sequence","normalizers":["#
            + text(16) { _ in #"{"type":"Replace","pattern":{"String":"a"},"content":"\#(long)"}"# } + "]}", "null")
      },
      { unigram("null", #"{"type":"Sequence","pretokenizers":["# + text(16) { _ in byteLevel } + "]}") },
      { unigram(String(repeating: #"{"type":"Sequence","normalizers":["#, count: 200), "null") },
      // Expressions that others take long for.
      { unigram("null", split("(a|aa)?(a|aa)?(a|aa)?(a|aa)?a+b")) },
      { unigram("null", split("a+a+a+a+a+b")) },
      { unigram("null", split(String(repeating: "a?", count: 9) + String(repeating: "a", count: 9) + "b")) },
      { unigram("null", split(String(repeating: "(", count: 300))) },
      { unigram("null", split(String(repeating: "a|", count: 400) + "b")) },
    ]
  }

  private static let byteLevel = #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"#

  private static func split(_ expression: String) -> String {
    #"{"type":"Split","pattern":{"Regex":"\#(expression)"},"behavior":"Isolated","invert":false}"#
  }

  // MARK: tokenizer.json

  private static func tokenizerJSON(
    added: String = "", vocabulary: String = "", model: String = "",
    processor: String = #"{"type":"BertProcessing","cls":["[CLS]",1],"sep":["[SEP]",2]}"#
  ) -> [UInt8] {
    Array(
      (#"{"added_tokens":[\#(added)],"normalizer":{"type":"BertNormalizer"},"#
        + #""pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":\#(processor),"#
        + #""model":{"type":"WordPiece"\#(model),"vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2\#(vocabulary)}}}"#).utf8)
  }

  private static func text(_ count: Int, _ element: (Int) -> String) -> String {
    (0..<count).map(element).joined(separator: ",")
  }

  private static var tokenizerBombs: [() -> [UInt8]] {
    [
      // An id far beyond the others.
      { tokenizerJSON(vocabulary: #","a":4194304"#) },
      { tokenizerJSON(vocabulary: #","a":4194303"#) },
      { tokenizerJSON(vocabulary: "," + text(1 << 19) { "\"t\($0)\":\($0 + 3)" }) },
      { tokenizerJSON(vocabulary: #",""# + String(repeating: "a", count: 15 << 20) + #"":3"#) },
      // Added tokens, each with a number that depends on those before.
      { tokenizerJSON(added: text(10_000) { "{\"id\":\($0 + 3),\"content\":\"t\($0)\"}" }) },
      {
        tokenizerJSON(
          added: text(10_000) { "{\"id\":\($0 + 300_000),\"content\":\"t\($0)\"}" },
          vocabulary: "," + text(299_997) { "\"v\($0)\":\($0 + 3)" })
      },
      { tokenizerJSON(added: text(20_000) { "{\"id\":\($0 + 3),\"content\":\"t\($0)\"}" }) },
      // Whitespace that each of many tokens takes along.
      { tokenizerJSON(added: #"{"id":3,"content":"\n","lstrip":true,"rstrip":true}"#) },
      // Long near misses: of words and of added tokens.
      {
        tokenizerJSON(
          vocabulary: ###","a":3,"##a":4,"##"### + String(repeating: "a", count: 50_000) + ###"b":5"###,
          model: #","max_input_chars_per_word":1000000"#)
      },
      {
        tokenizerJSON(
          vocabulary: ###","a":3,"##a":4,"##"### + String(repeating: "a", count: 500) + ###"b":5"###,
          model: #","max_input_chars_per_word":1000000"#)
      },
      { tokenizerJSON(added: #"{"id":3,"content":""# + String(repeating: "a", count: 50_000) + #"b"}"#) },
      { tokenizerJSON(added: #"{"id":3,"content":""# + String(repeating: "a", count: 500) + #"b"}"#) },
      // Templates of many parts of many ids.
      {
        tokenizerJSON(
          processor: #"{"type":"TemplateProcessing","special_tokens":{"x":{"ids":["# + text(1_000) { _ in "1" }
            + #"]}},"single":[{"Sequence":{"id":"A"}},"# + text(20_000) { _ in #"{"SpecialToken":{"id":"x"}}"# }
            + #"],"pair":[{"Sequence":{"id":"A"}},{"Sequence":{"id":"B"}}]}"#)
      },
      {
        tokenizerJSON(
          added: text(10_000) { "{\"id\":\($0 + 3),\"content\":\"t\($0)\"}" },
          processor: #"{"type":"TemplateProcessing","special_tokens":{"x":{"ids":["# + text(200_000) { _ in "1" }
            + #"]}},"single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"x"}}],"#
            + #""pair":[{"Sequence":{"id":"A"}},{"Sequence":{"id":"B"}}]}"#)
      },
    ]
  }
}
