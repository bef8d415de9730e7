import ArgumentParser
import Checkpoints
import Glibc
import Hub
import JSON
import Training

/// `distill-ddp inspect`: what a model, a checkpoint or a tensor file holds.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "List a model's configuration, tensors and sizes.",
    discussion: """
        distill-ddp inspect runs/teacher/best
        distill-ddp inspect features.safetensors --json
      """)

  @Argument(
    help: "A model directory, a name on the hub, a run directory (its best model), or a .safetensors or .bin file.",
    completion: .file())
  var path: String

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try onFirstRank {
      let inspection = try Inspection(Hub.ofEnvironment().locate(path, effort: .download).path)
      printLine(json ? inspection.json.text() : inspection.text)
    }
  }
}

/// What `inspect` prints.
private struct Inspection {
  let path: String
  let configuration: JSON?
  let tokenizerFiles: [String]
  let metadata: [String: String]
  /// By name, which of a folder's file begins with the folder's.
  let tensors: [(name: String, description: TensorDescription)]

  init(_ path: String) throws {
    guard Self.isDirectory(path) else {
      let file = try WeightsFormat(of: path).open(path)
      self.path = path
      configuration = nil
      tokenizerFiles = []
      metadata = file.metadata
      tensors = file.tensors.map { ($0.name, $0) }
      return
    }
    let isRun = access("\(path)/config.json", F_OK) != 0 && access("\(path)/best/config.json", F_OK) == 0
    let directory = try ModelDirectory(isRun ? "\(path)/best" : path)
    let weights = try directory.weights(joining: directory.foldersWithWeights())
    self.path = directory.path
    configuration = directory.configuration
    tokenizerFiles = directory.tokenizerFiles
    metadata = weights.tensors.first?.file.metadata ?? [:]
    tensors = weights.tensors.map { ($0.name, $0.description) }
  }

  private static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private var bytes: Int { tensors.reduce(0) { $0 + $1.description.byteCount } }
  /// Elements of the tensors that could be parameters: not of the positions that old files hold as integers.
  private var parameters: Int {
    tensors.reduce(0) { $0 + ($1.description.type.isFloatingPoint ? $1.description.count : 0) }
  }

  var json: JSON {
    var metadata = JSONObject()
    for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) { metadata[key] = .string(value) }
    return [
      "path": .string(path), "configuration": configuration ?? .null,
      "tokenizer_files": .array(tokenizerFiles.map(JSON.string)), "metadata": .object(metadata),
      "tensors": .array(
        tensors.map { name, tensor in
          [
            "name": .string(name), "dtype": .string(tensor.type.rawValue),
            "shape": .array(tensor.shape.map(JSON.integer)), "bytes": .integer(tensor.byteCount),
          ]
        }),
      "totals": ["tensors": .integer(tensors.count), "parameters": .integer(parameters), "bytes": .integer(bytes)],
    ]
  }

  var text: String {
    var lines = [path.escapedForDisplay]
    if let members = configuration?.object {
      lines += ["", "Configuration"]
      // Text in the file's own quotes, so that "2" is not taken for 2.
      lines += pairs(members.map { ($0.key, $0.value.text()) })
      lines += ["", "Tokenizer: \(tokenizerFiles.isEmpty ? "none" : tokenizerFiles.joined(separator: ", "))"]
    }
    if !metadata.isEmpty {
      lines += ["", "Metadata"] + pairs(metadata.sorted { $0.key < $1.key })
    }
    lines += ["", "Tensors"]
    lines += table(
      [["  name", "type", "shape", "bytes"]]
        + tensors.map { name, tensor in
          [
            "  \(name.escapedForDisplay)", tensor.type.rawValue,
            tensor.shape.isEmpty ? "scalar" : tensor.shape.map(String.init).joined(separator: " × "),
            grouped(tensor.byteCount),
          ]
        })
    lines.append("")
    lines.append("\(grouped(tensors.count)) tensors, \(grouped(parameters)) parameters, \(grouped(bytes)) bytes")
    return lines.joined(separator: "\n")
  }

  private func pairs(_ members: [(String, String)]) -> [String] {
    let names = table(members.map { ["  \($0.0.escapedForDisplay)", ""] })
    return zip(names, members).map { $0 + $1.1.escapedForDisplay }
  }
}
