#if GUIDED
  import Glibc

  // Under libFuzzer, which has a `main` of its own and keeps the inputs that reach code no other reached:
  // `launch/fuzz.sh --guided`. The parser is named by `FUZZ_PARSER`, without which
  // the names of all are printed; its seeds go to the directory `FUZZ_CORPUS`.

  /// What libFuzzer calls into.
  ///
  /// `@unchecked Sendable`: libFuzzer runs one thread.
  private final class Guided: @unchecked Sendable {
    static let shared = Guided()

    let target: FuzzTarget
    let seeds: [[UInt8]]

    private init() {
      let workspace = Workspace()
      let name = getenv("FUZZ_PARSER").map { String(cString: $0) } ?? ""
      let targets = FuzzTarget.all(in: workspace)
      guard let target = targets.first(where: { $0.name == name }) else {
        print(targets.map(\.name).joined(separator: "\n"))
        workspace.remove()
        exit(name.isEmpty ? 0 : 64)
      }
      self.target = target
      seeds = target.seeds.indices.map { target.input(target.bombs.count + $0, seed: 1) }
      if let corpus = getenv("FUZZ_CORPUS").map({ String(cString: $0) }) {
        for (index, seed) in seeds.enumerated() { writeFile(seed, "\(corpus)/seed-\(index)") }
      }
    }
  }

  @_cdecl("LLVMFuzzerInitialize")
  func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> Int32 {
    _ = Guided.shared
    return 0
  }

  @_cdecl("LLVMFuzzerTestOneInput")
  func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    try? Guided.shared.target.parse(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
  }

  @_silgen_name("LLVMFuzzerMutate")
  private func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ capacity: Int) -> Int

  /// By turns libFuzzer's own changes and ours.
  @_cdecl("LLVMFuzzerCustomMutator")
  func mutateOneInput(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ capacity: Int, _ seed: UInt32) -> Int {
    if seed % 2 == 0 { return mutate(bytes, count, capacity) }
    var random = RandomSource(UInt64(seed))
    let guided = Guided.shared
    let changed = guided.target.mutations.apply(
      to: Array(UnsafeBufferPointer(start: bytes, count: count)), others: guided.seeds, &random
    ).prefix(capacity)
    for (place, byte) in changed.enumerated() { bytes[place] = byte }
    return max(1, changed.count)
  }
#endif
