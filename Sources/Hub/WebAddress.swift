/// An `http` or `https` address, of which only what decides about trust is taken apart.
struct WebAddress: Sendable {
  let text: String
  /// Scheme, host and port: what a token belongs to.
  let origin: Origin

  struct Origin: Sendable, Equatable {
    let isEncrypted: Bool
    let host: String
    let port: Int

    /// Whether it can only be this machine.
    var isLoopback: Bool {
      let parts = host.split(separator: ".", omittingEmptySubsequences: false)
      let isIPv4 = parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
      return isIPv4 || host == "localhost" || host == "[::1]"
    }
  }

  /// `nil` for anything that another reader of addresses could take for another host.
  init?(_ text: String) {
    let scheme: String
    if text.lowercased().hasPrefix("https://") {
      scheme = "https"
    } else if text.lowercased().hasPrefix("http://") {
      scheme = "http"
    } else {
      return nil
    }
    guard text.utf8.count <= 16_384, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) else {
      return nil
    }
    let authority = text.dropFirst(scheme.count + 3).prefix { !"/?#".contains($0) }
    var host = authority[...]
    var port = scheme == "https" ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
      port = Int(number)
      host = authority[..<colon]
    }
    let isPlain = host.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
        true
      default: false
      }
    }
    let isIPv6 =
      host.hasPrefix("[") && host.hasSuffix("]")
      && host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" }
    guard !host.isEmpty, isPlain || isIPv6 else { return nil }
    self.text = text
    origin = Origin(isEncrypted: scheme == "https", host: host.lowercased(), port: port)
  }

  /// Whether what is sent there stays unread on the way.
  var isPrivate: Bool { origin.isEncrypted || origin.isLoopback }
}
