import Foundation
import JSON

@testable import Hub

/// The tests' own hub, in a process of its own, with an empty cache beside it.
final class HubServer {
  let folder = FileManager.default.temporaryDirectory.appending(path: "hub-\(UUID().uuidString)").path
  private let process: pid_t
  private let ports: JSON

  static let model = "acme/tiny"
  static let token = "hf_secret"
  /// The SHA-1 of `acme/tiny`, as the server gives out.
  static let commit = "ddd6b603d1444b8efd6242d950556a865d6db48a"
  static let weights = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

  init() throws {
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "hub_server.py").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("python3"), strdup(script), strdup(folder), nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let code = posix_spawnp(&process, "python3", nil, nil, arguments, environ)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ENOENT) }
    self.process = process
    let file = "\(folder)/ports.json"
    for _ in 0..<600 where !FileManager.default.fileExists(atPath: file) { usleep(50_000) }
    ports = try JSON.parse(Array(Data(contentsOf: URL(filePath: file))))
    try serve("config.json", Array(#"{"model_type": "bert"}"#.utf8))
    try serve("vocab.txt", Array("[PAD]\n".utf8))
    try serve("model.safetensors", Self.weights)
  }

  deinit {
    // Tests run on threads that block signals, and so does what they start: it would not hear SIGTERM.
    kill(process, SIGKILL)
    // One that nobody waited for would keep exit tests, which watch for any child's end, from seeing their own.
    var status: Int32 = 0
    waitpid(process, &status, 0)
    try? FileManager.default.removeItem(atPath: folder)
  }

  var cache: String { "\(folder)/cache" }
  var modelCache: String { "\(cache)/models--acme--tiny" }
  var snapshot: String { "\(modelCache)/snapshots/\(Self.commit)" }

  func port(_ role: String) -> Int { ports[role]?.int ?? 0 }

  func serve(_ file: String, _ bytes: [UInt8], of model: String = model) throws {
    let place = URL(filePath: "\(folder)/models/\(model)/\(file)")
    try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: place)
  }

  func remove(_ file: String) throws {
    try FileManager.default.removeItem(atPath: "\(folder)/models/acme/tiny/\(file)")
  }

  /// What goes wrong, by file.
  func breaking(_ faults: JSON) throws { try write(faults, to: "faults.json") }
  func movingBranch(to commit: String) throws { try write(["acme/tiny": .string(commit)], to: "commits.json") }

  private func write(_ json: JSON, to name: String) throws {
    try Data(json.bytes()).write(to: URL(filePath: "\(folder)/\(name)"), options: .atomic)
  }

  /// What was asked for so far.
  var requests: [JSON] {
    get throws {
      let log = (try? Data(contentsOf: URL(filePath: "\(folder)/requests.jsonl"))) ?? Data()
      return try log.split(separator: UInt8(ascii: "\n")).map { try JSON.parse(Array($0)) }
    }
  }

  func forgetRequests() { try? FileManager.default.removeItem(atPath: "\(folder)/requests.jsonl") }

  func hub(
    offline: Bool = false, token: String? = token, endpoint: String? = nil,
    isCancelled: @escaping @Sendable () -> Bool = { false }, observe: @escaping @Sendable (HubEvent) -> Void = { _ in }
  ) throws -> Hub {
    var variables = [
      "HOME": folder, "HF_HUB_CACHE": cache, "HF_ENDPOINT": endpoint ?? "http://127.0.0.1:\(port("hub"))",
      "HF_HUB_OFFLINE": offline ? "1" : "0", "HF_HUB_DOWNLOAD_TIMEOUT": "2",
    ]
    variables["HF_TOKEN"] = token
    var settings = try HubSettings(variables: variables)
    settings.firstRetryDelay = 0.01
    return Hub(settings, isCancelled: isCancelled, observe: observe)
  }

  func contents(_ path: String) -> [UInt8]? { (try? Data(contentsOf: URL(filePath: path))).map { Array($0) } }
}
