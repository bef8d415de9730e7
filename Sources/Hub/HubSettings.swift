import Glibc

/// What the environment says about the hub, by the names that Hugging Face's own programs read.
package struct HubSettings: Sendable {
  /// The directory of all models' folders.
  package var cache: String
  package var endpoint = "https://huggingface.co"
  package var isOffline = false
  /// Sent to the endpoint only, and never shown.
  var token: String?
  /// Seconds for an answer about a file, and without a byte of it.
  var metadataTimeout = 10
  var downloadTimeout = 10
  /// The first pause before another attempt, in seconds; it doubles.
  package var firstRetryDelay = 1.0

  /// No network, and no cache but an empty one.
  package static let offline = HubSettings()

  private init() {
    cache = "/nonexistent"
    isOffline = true
  }

  package init(variables: [String: String]) throws(HubError) {
    let home = variables["HOME"] ?? "/"
    func path(_ name: String) -> String? {
      guard let value = variables[name], !value.isEmpty else { return nil }
      return value == "~" || value.hasPrefix("~/") ? home + value.dropFirst() : value
    }
    func isTrue(_ name: String) -> Bool? {
      guard let value = variables[name], !value.isEmpty else { return nil }
      return ["1", "ON", "YES", "TRUE"].contains(value.uppercased())
    }
    func seconds(_ name: String) throws(HubError) -> Int? {
      guard let value = variables[name], !value.isEmpty else { return nil }
      guard let number = Int(value), (1...86_400).contains(number) else {
        throw .settings("\(name): expected seconds from 1, found \(value.debugDescription)")
      }
      return number
    }
    let huggingFace = path("HF_HOME") ?? (path("XDG_CACHE_HOME") ?? "\(home)/.cache") + "/huggingface"
    cache = path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? "\(huggingFace)/hub"
    isOffline = isTrue("HF_HUB_OFFLINE") ?? isTrue("TRANSFORMERS_OFFLINE") ?? false
    if var endpoint = variables["HF_ENDPOINT"], !endpoint.isEmpty {
      while endpoint.hasSuffix("/") { endpoint.removeLast() }
      self.endpoint = endpoint
    }
    metadataTimeout = try seconds("HF_HUB_ETAG_TIMEOUT") ?? metadataTimeout
    downloadTimeout = try seconds("HF_HUB_DOWNLOAD_TIMEOUT") ?? downloadTimeout
    token =
      ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].compactMap { variables[$0].flatMap(Self.cleaned) }.first
      ?? (isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") == true
        ? nil : Self.token(in: path("HF_TOKEN_PATH") ?? "\(huggingFace)/token"))
    if let token, !token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
      throw .settings("HF_TOKEN: expected one word of letters and digits, found other characters in it")
    }
  }

  private static func token(in path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return count > 0 ? cleaned(String(decoding: bytes[..<count], as: UTF8.self)) : nil
  }

  /// Without the line feeds that files and variables end in.
  private static func cleaned(_ text: String) -> String? {
    let start = text.drop(while: \.isWhitespace)
    let end = start.reversed().drop(while: \.isWhitespace)
    return end.isEmpty ? nil : String(end.reversed())
  }
}
