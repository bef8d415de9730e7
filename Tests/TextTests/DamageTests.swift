import Testing

@testable import Text

/// Damaged and hostile files give errors or rows, never a crash. `DISTILL_FUZZ_ROUNDS` asks for more than a few rounds.
struct DamageTests {
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 33)
    }
  }

  private func damaged(_ bytes: [UInt8], _ random: inout Random) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let index = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.remove(at: index)
      case 2: bytes.removeSubrange(index..<min(bytes.count, index + 40))
      case 3: bytes.insert(contentsOf: Array("\"-9,\n\t\r[]{}0:".utf8).shuffled(using: &random), at: index)
      default: bytes.removeSubrange(index...)
      }
    }
    return bytes
  }

  @Test(arguments: ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"])
  func damagedTokenizers(_ name: String) throws {
    var random = Random(state: 1)
    let directory = try TemporaryDirectory()
    let names = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]
    for other in names where name == "tokenizer.json" ? other == name : other != "tokenizer.json" {
      try directory.copy("uncased", other)
    }
    let original = try RegularFile.contents("\(Fixtures.directory)/uncased/\(name)")
    var opened = 0
    for _ in 0..<Fixtures.fuzzRounds {
      try directory.write(name, damaged(original, &random))
      do throws(TokenizerError) {
        let tokenizer = try Tokenizer(directory: directory.path)
        opened += 1
        _ = tokenizer.files()
        let encoding = try tokenizer.encode("The café [MASK] 中国 playing", pair: "a", maxLength: 9)
        #expect(encoding.ids.allSatisfy { (0..<tokenizer.vocabularySize).contains(Int($0)) })
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
    #expect(opened < Fixtures.fuzzRounds)
  }

  @Test(arguments: [
    (DatasetSource.Format.csv, "text,label\r\n\"a \"\"b\"\",\nc\",1\nnaïve 😀,positive\n"),
    (.tsv(header: true), "text\tlabel\nnaïve \"😀\t1\nb\t2\n"),
    (.jsonl, "{\"text\": \"naïve \\ud83d\\ude00\", \"label\": 1}\n{\"label\": \"neutral\", \"text\": \"b\"}\n"),
    (.lines(labelsPath: nil), "naïve 😀\nb\r\n"),
  ])
  func damagedDatasets(_ format: DatasetSource.Format, _ contents: String) throws {
    var random = Random(state: 2)
    let directory = try TemporaryDirectory()
    let tokenizer = try TokenizerTests.tokenizer("uncased")
    var failed = 0
    for _ in 0..<Fixtures.fuzzRounds {
      let path = try directory.write("data", damaged(Array(contents.utf8), &random))
      do throws(DatasetError) {
        let examples = try DatasetSource(format: format, path: path).read(labels: DatasetTests.labels)
        let dataset = try? TokenizedDataset(examples, tokenizer: tokenizer, maxLength: 8, threads: 2)
        #expect(dataset?.count == examples.count)
      } catch {
        failed += 1
        #expect(error.description.hasPrefix(path))
      }
    }
    #expect(failed > 0)
  }

  /// Each took quadratic time in some tokenizer or other.
  @Test(.timeLimit(.minutes(1)), arguments: ["a", "é", "\u{302F}\u{1B44}", "\u{301}", "[", "<ent> ", " ", "中", "😀"])
  func longTextsTakeLinearTime(_ unit: String) throws {
    let text = String(repeating: unit, count: (1 << 20) / unit.utf8.count)
    #expect(try TokenizerTests.tokenizer("added").encode(text, maxLength: 512).ids.count <= 512)
  }
}
