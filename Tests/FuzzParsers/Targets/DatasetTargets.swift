import Text

extension FuzzTarget {
  static func datasets(in workspace: Workspace) -> [FuzzTarget] {
    let directory = workspace.directory("dataset-tokenizer")
    writeFile(Repository.bytes("Tests/TextTests/Fixtures/uncased/vocab.txt"), "\(directory)/vocab.txt")
    guard let tokenizer = try? Tokenizer(directory: directory) else { preconditionFailure("expected a tokenizer") }

    /// A file of rows. What is accepted is tokenised, a row for a row.
    func dataset(
      _ name: String, _ format: DatasetSource.Format, seeds: [String], words: [String], bombs: [() -> [UInt8]],
      targets: Targets = .classes(["negative", "neutral", "positive"]),
      edit: @escaping (inout DatasetSource) -> Void = { _ in }
    ) -> FuzzTarget {
      FuzzTarget(name, seeds: seeds.map { Array($0.utf8) }, words: words, bombs: bombs) { bytes in
        var source = DatasetSource(format: format, path: workspace.write(bytes, "data"))
        edit(&source)
        let examples = try source.read(targets)
        // A row takes twelve bytes beside its text, and another dozen when tokenised: of these the parser is not to blame.
        guard examples.count < 100_000 else { return }
        let dataset = try TokenizedDataset(examples, tokenizer: tokenizer, maxLength: 16)
        promise(dataset.count == examples.count && dataset.maximumLength <= 16)
        promise(dataset.labels.allSatisfy { (-1..<3).contains($0) })
        promise((0..<dataset.count).allSatisfy { dataset.targets($0) <= max(3, dataset.length($0)) })
      }
    }
    let labels = ["negative", "positive", "0", "1", "2", "3", "-1", "text", "label"]
    return [
      dataset(
        "csv", .csv,
        seeds: ["text,label\r\n\"a \"\"b\"\",\nc\",1\nnaïve 😀,positive\n", "id,text,label\n1,one,0\n2,\"two\",2"],
        words: labels + [",", "\"", "\"\"", "\r\n", "\n", "\",\"", ",,,"],
        bombs: [
          { .repeating(",", 2 << 20) }, { .repeating("a,", 400_000, before: "text,label,") },
          { .repeating("\n", 4 << 20, before: "text,label\n") }, { .repeating("a", 2 << 20, before: "text,label\n\"") },
          { .repeating("\"\"", 8 << 20, before: "text,label\n\"") },
          { .repeating("a,1\n", 1 << 20, before: "text,label\n") },
          { .repeating("text,", 200_000, after: "label\n") },
        ]),
      dataset(
        "tsv", .tsv(header: true),
        seeds: ["text\tlabel\nnaïve \"😀\t1\nb\t2\n", "id\ttext\tlabel\r\n1\tone\tneutral\r\n"],
        words: labels + ["\t", "\t\t", "\r\n", "\n", "\""],
        bombs: [
          { .repeating("\t", 1 << 20) }, { .repeating("\t", 1 << 19, before: "text\tlabel\n", after: "\n") },
          { .repeating("a\t1\n", 1 << 20, before: "text\tlabel\n") }, { .repeating("a", 2 << 20) },
        ]),
      dataset(
        "jsonl", .jsonl,
        seeds: [
          "{\"text\": \"naïve \\ud83d\\ude00\", \"label\": 1}\n{\"label\": \"neutral\", \"text\": \"b\"}\n",
          "{\"text\":\"a\",\"pair\":\"b\",\"label\":2,\"more\":[1,{\"x\":null}]}\n",
        ],
        words: Self.words + labels + ["\n", "\"text\"", "\"label\"", "\"pair\""],
        bombs: [
          { .repeating("[", 1 << 20) }, { .repeating("0,", 1 << 19, before: "{\"text\":\"\",\"x\":[") },
          { .repeating("{}\n", 1 << 20) }, { .repeating("{\"text\":\"\",\"label\":0}\n", 1 << 18) },
        ]),
      dataset(
        "text", .lines(labelsPath: nil),
        seeds: ["naïve 😀\nb\r\n", "The unhappy café, New York!\n\u{1100}\u{1161}\u{11A8} 中国 [MASK] ##ing"],
        words: ["\n", "\r\n", "[CLS]", "[SEP]", "[MASK]", "##", "\u{302F}\u{1B44}", "中", "\u{1F600}", "İ"],
        bombs: [
          { .repeating("\n", 1 << 20) }, { .repeating("a", 1 << 20) }, { .repeating("\u{301}", 1 << 19) },
          { .repeating("[MASK]", 1 << 17) }, { .repeating("中", 1 << 18) }, { .repeating("a", 1 << 20 + 1) },
          { .repeating("\u{302F}\u{1B44}", 1 << 17) },
        ]),
      dataset(
        "scores", .jsonl,
        seeds: ["{\"text\": \"a\", \"label\": [1.5, -2]}\n{\"text\": \"b\", \"label\": \"[1 2]\"}\n"],
        words: Self.words + ["nan", "inf", "1e999", "[1, 2]", "\"label\"", "\"1;2\""],
        bombs: [{ .repeating("1,", 1 << 19, before: "{\"text\":\"\",\"label\":[") }], targets: .numbers(["a", "b"])),
      dataset(
        "sets", .jsonl,
        seeds: ["{\"text\": \"a\", \"label\": [\"negative\", 2]}\n{\"text\": \"b\", \"label\": \"0,1|2\"}\n"],
        words: Self.words + labels + ["\"label\"", ",", "|", ";", "[]"],
        bombs: [{ .repeating("0,", 1 << 19, before: "{\"text\":\"\",\"label\":\"", after: "\"}") }],
        targets: .classSets(["negative", "neutral", "positive"])),
      dataset(
        "tags", .jsonl,
        seeds: [
          "{\"words\": [\"naïve\", \"😀\"], \"tags\": [\"O\", 1]}\n{\"tokens\": [], \"words\": \"a b\", \"tags\": \"O B-X\"}\n"
        ],
        words: Self.words + ["\"words\"", "\"tokens\"", "\"tags\"", "\"O\"", "\"B-X\"", "\" \"", "\"\"", "[]"],
        bombs: [
          { .repeating("\"a\",", 1 << 18, before: "{\"tags\":[],\"words\":[") },
          { .repeating("a ", 1 << 19, before: "{\"text\":\"", after: "\",\"tags\":[]}") },
        ], targets: .tags(["O", "B-X"])),
      dataset(
        "conll", .conll, seeds: ["naïve\tO\n😀\tB-X\n\t\nb 1 O\r\n", "-DOCSTART- O\n\na b c B-X\n"],
        words: ["\t", " ", "\n", "\n\n", "\r\n", "O", "B-X", "-DOCSTART-", "\u{A0}"],
        bombs: [
          { .repeating("\n", 1 << 20) }, { .repeating("a\tO\n", 1 << 17) }, { .repeating("\t", 1 << 20) },
          { .repeating("a ", 1 << 19) },
        ], targets: .tags(["O", "B-X"])),
      labelFile(in: workspace),
    ]
  }

  /// The file of labels beside a file of texts.
  private static func labelFile(in workspace: Workspace) -> FuzzTarget {
    let texts = workspace.write(Array("a\nb\nc\n".utf8), "texts")
    return FuzzTarget(
      "labels", seeds: ["0\n1\n2\n", "negative\npositive\r\nneutral"].map { Array($0.utf8) },
      words: ["0", "1", "2", "3", "-1", "\n", "\r\n", "negative", " "],
      bombs: [{ .repeating("0\n", 4 << 20) }, { .repeating("0", 1 << 20) }, { .repeating("9", 2 << 20) }]
    ) { bytes in
      let labels = workspace.write(bytes, "labels")
      let source = DatasetSource(format: .lines(labelsPath: labels), path: texts)
      let examples = try source.read(labels: ["negative", "neutral", "positive"])
      promise(examples.count == 3)
    }
  }
}
