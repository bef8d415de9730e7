import Checkpoints
import Text

extension FuzzTarget {
  /// `pytorch_model.bin`, of both kinds: zip archives, with and without checksums, and pickles end to end.
  static func pyTorch(in workspace: Workspace) -> FuzzTarget {
    let legacy = Repository.bytes("Tests/CheckpointsTests/PyTorchFixtures/1.0.0/legacy.bin")
    /// Pickles of the protocol's number and of an object, behind the magic number.
    func pickle(_ operations: [UInt8]) -> [UInt8] {
      Array(legacy[..<15]) + [0x80, 2, 0x4d, 0xe9, 3, 0x2e, 0x80, 2] + operations + [0x2e]
    }
    return FuzzTarget(
      "pytorch",
      seeds: [
        "2.13.0/no-checksums", "2.13.0/zip", "2.13.0/legacy", "1.5.1/zip", "1.0.0/legacy",
      ].map { Repository.bytes("Tests/CheckpointsTests/PyTorchFixtures/\($0).bin") },
      words: [
        "PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "PK\u{6}\u{7}", "data.pkl", "data/0",
        "byteorder",
        "../", "ccollections\nOrderedDict\n", "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n",
        "cposix\nsystem\n", "storage", "cpu", "(", ")", "]", "}", "t", "R", "b", "s", "u", "e", "a", "Q", "q\u{0}",
        "h\u{0}", "K\u{1}", "J\u{7f}", "M\u{1}", "X", "\u{8}", "N", ".", "0", "1", "2",
      ],
      bombs: [
        { pickle(.repeating("(", 1 << 20)) }, { pickle(.repeating("}", 1 << 20)) },
        { pickle(.repeating("]", 1 << 20)) },
        { pickle(.repeating("N", 1 << 20)) }, { pickle([0x5d] + [UInt8](repeating: 0x85, count: 1 << 20)) },
        { pickle(.repeating("](", 120)) },
        // A list that holds itself, twice at each level.
        { pickle(Array("]q\u{0}".utf8) + .repeating("h\u{0}h\u{0}\u{86}q\u{0}", 200_000)) },
        { pickle([0x58, 0xff, 0xff, 0xff, 0x7f] + .repeating("a", 1 << 20)) },
        { pickle([0x8a, 0xff] + .repeating("\u{7f}", 255)) },
        {
          Repository.bytes("Tests/CheckpointsTests/PyTorchFixtures/2.13.0/zip.bin")
            + .repeating("PK\u{5}\u{6}", 1 << 20)
        },
        { .repeating("PK\u{3}\u{4}", 1 << 20) },
      ]
    ) { bytes in
      let file = try PyTorchFile(workspace.write(bytes, "pytorch_model.bin"))
      for tensor in file.tensors.prefix(100) {
        promise(tensor.range.lowerBound >= 0 && tensor.range.upperBound <= bytes.count)
        // Values may be damaged where there is no checksum, or found to be where there is.
        if tensor.type.isFloatingPoint, tensor.count < 1 << 20, let floats = try? file.floats(tensor) {
          promise(floats.count == tensor.count)
        }
      }
    }
  }

  /// A text compressed with gzip.
  static func gzip(in workspace: Workspace) -> FuzzTarget {
    let fixtures = "Tests/ArchivesTests/Fixtures"
    var target = FuzzTarget(
      "gzip", seeds: Repository.files(in: fixtures, suffix: ".gz").filter { $0.count < 1 << 16 },
      words: ["\u{1f}", "\u{8}", "\u{0}", "\u{1}", "\u{2}", "\u{3}", "\u{4}", "\u{5}", "\u{7f}"],
      bombs: [
        // Contents a thousand times as long, over and over.
        { Array(repeatElement(Repository.bytes("\(fixtures)/zeros.gz"), count: 2_000).joined()) },
        { Repository.bytes("\(fixtures)/empty.gz") + [UInt8](repeating: 0, count: 4 << 20) },
        { Array(repeatElement(Repository.bytes("\(fixtures)/empty.gz"), count: 100_000).joined()) },
      ]
    ) { bytes in
      _ = try DatasetSource(format: .lines(labelsPath: nil), path: workspace.write(bytes, "data.gz")).read(labels: nil)
    }
    // The contents, as they grow and as rows.
    target.memoryPerByte = 400
    return target
  }

  /// `manifest.json` beside the files it lists.
  static func manifest(in workspace: Workspace) -> FuzzTarget {
    let directory = workspace.directory("checkpoint")
    for (name, text) in [("a.bin", "abc"), ("config.json", "{}"), ("weights.safetensors", "x")] {
      writeFile(Array(text.utf8), "\(directory)/\(name)")
    }
    do { try CheckpointManifest.write(into: directory) } catch { promise(false, "\(error)") }
    let path = "\(directory)/\(CheckpointManifest.name)"
    return FuzzTarget(
      "manifest", seeds: [readFile(path)],
      words: words + ["\"version\"", "\"files\"", "\"bytes\"", "\"sha256\"", "../", "/", "a.bin", "\u{0}"],
      bombs: [
        {
          .counting(8_000, before: "{\n  \"version\": 1,\n  \"files\": {\n", after: "\n  }\n}\n") {
            ($0 > 0 ? ",\n" : "")
              + "    \"../\($0)\": {\n      \"bytes\": 1,\n      \"sha256\": \"\"\n    }"
          }
        },
        { .repeating("[", 1 << 19) },
      ]
    ) { bytes in
      writeFile(bytes, path)
      try CheckpointManifest.verify(directory)
    }
  }
}
