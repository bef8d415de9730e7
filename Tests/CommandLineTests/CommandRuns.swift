import Checkpoints
import JSON

extension TinyWorkspace {
  /// Runs `distill-ddp` on a standard input.
  func run(_ arguments: [String], input: [UInt8]) throws -> ProgramRun {
    try write(input, to: "standard-input")
    return try ProgramRun.of(
      "/bin/sh", ["-c", #"exec "$0" "$@" < standard-input"#, BinaryUnderTest.path] + arguments, in: path,
      variables: Self.withoutLauncher([:]))
  }

  /// What a command prints on standard output; anything but success is an error.
  func output(_ arguments: [String]) throws -> String {
    let run = try run(arguments)
    guard run.status == 0 else { throw ProgramFailure(description: "a command that should succeed: \(run)") }
    return run.output
  }

  /// A model without a classification head, as encoders are published.
  func makeHeadlessModel(_ name: String) throws {
    try makeModel(name, from: "student")
    let file = try SafetensorsFile("\(path)/\(name)/model.safetensors")
    let kept = file.tensors.filter { !$0.name.hasPrefix("classifier.") }
    let writer = try SafetensorsWriter(
      replacing: file.path, tensors: kept.map { .init($0.name, $0.type, $0.shape) })
    for tensor in kept {
      try file.bytes(tensor).withUnsafeBytes { try writer.write(tensor.name, tensor.type, $0) }
    }
    try writer.finish()
  }
}

/// Each line as JSON; one that is not is an error.
func jsonLines(_ text: String) throws -> [JSON] {
  try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { try JSON.parse(Array($0.utf8)) }
}

extension JSON {
  var numbers: [Double] { (array ?? []).compactMap(\.double) }
  var strings: [String] { (array ?? []).compactMap(\.string) }
}
