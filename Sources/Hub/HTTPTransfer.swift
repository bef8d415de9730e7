import CCurl
import Glibc

/// One request without redirects followed.
struct HTTPRequest {
  var address: WebAddress
  /// Asks for the head of the answer only.
  var isHead = false
  /// The first byte wanted.
  var start = 0
  var token: String?
  /// Seconds for all of it; `nil` has no limit.
  var timeout: Int?
  /// Seconds without a byte.
  var stallTimeout: Int
}

struct HTTPResponse {
  var status = 0
  /// By lower-case names; of several equal ones the last.
  var headers: [String: String] = [:]
  /// Where a redirect leads, made absolute.
  var redirect: String?

  var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
  var isSuccess: Bool { status == 200 || status == 206 }

  /// The number of a header that is nothing else.
  func number(_ name: String) -> Int? { headers[name].flatMap(Self.number) }

  static func number(_ text: some StringProtocol) -> Int? {
    let digits = (UInt8(ascii: "0")...UInt8(ascii: "9"))
    return (1...15).contains(text.utf8.count) && text.utf8.allSatisfy(digits.contains) ? Int(text) : nil
  }
}

/// The transfer ended without a whole answer.
enum HTTPFailure: Error {
  case library(String)
  case connection(String)
  case cancelled
}

/// What libcurl's callbacks work on.
private final class Exchange {
  var response = HTTPResponse()
  var failure: (any Error)?
  private var headerBytes = 0
  private var ignoredBytes = 0
  private let receive: (HTTPResponse, UnsafeRawBufferPointer) throws -> Void
  private let isCancelled: () -> Bool

  private static let headerLimit = 64 << 10
  /// Of answers that are no success and tell nothing in their bodies.
  private static let ignoredLimit = 1 << 20

  init(_ receive: @escaping (HTTPResponse, UnsafeRawBufferPointer) throws -> Void, isCancelled: @escaping () -> Bool) {
    self.receive = receive
    self.isCancelled = isCancelled
  }

  func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    headerBytes += bytes.count
    guard headerBytes <= Self.headerLimit else {
      failure = HTTPFailure.connection("the answer's headers are longer than \(Self.headerLimit) bytes")
      return false
    }
    let line = String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // A new head: of the answer itself behind one of a proxy, or one that says to go on.
      let words = line.split(separator: " ")
      response = HTTPResponse(status: words.count > 1 ? Int(words[1].prefix { $0.isNumber }) ?? 0 : 0)
    } else if let colon = line.firstIndex(of: ":") {
      let value = line[line.index(after: colon)...].drop(while: \.isWhitespace)
      response.headers[line[..<colon].lowercased()] = String(value.reversed().drop(while: \.isWhitespace).reversed())
    }
    return true
  }

  func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if isCancelled() {
      failure = HTTPFailure.cancelled
      return false
    }
    guard response.isSuccess else {
      ignoredBytes += bytes.count
      return ignoredBytes <= Self.ignoredLimit
    }
    do {
      try receive(response, bytes)
      return true
    } catch {
      failure = error
      return false
    }
  }

  func mayGoOn() -> Bool {
    guard isCancelled() else { return true }
    failure = HTTPFailure.cancelled
    return false
  }

  static func of(_ context: UnsafeMutableRawPointer?) -> Exchange? {
    context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
  }
}

extension HTTPRequest {
  /// Does the request.
  ///
  /// - Parameters:
  ///   - isCancelled: asked about every second at least.
  ///   - receive: given a success's body, piece by piece.
  /// - Throws: `HTTPFailure`, and what `receive` throws.
  func perform(
    isCancelled: @escaping () -> Bool,
    receive: @escaping (HTTPResponse, UnsafeRawBufferPointer) throws -> Void
  ) throws -> HTTPResponse {
    if let problem = ccurl_open() { throw HTTPFailure.library(String(cString: problem)) }
    guard let transfer = ccurl_make() else { throw HTTPFailure.library("libcurl: no memory") }
    defer { ccurl_free(transfer) }
    let exchange = Exchange(receive, isCancelled: isCancelled)
    var explanation = [CChar](repeating: 0, count: CCURL_ERROR_SIZE)
    let code = try explanation.withUnsafeMutableBufferPointer { explanation in
      try withExtendedLifetime(exchange) {
        try prepare(transfer, for: exchange, explaining: explanation)
        return ccurl_perform(transfer)
      }
    }
    if let failure = exchange.failure { throw failure }
    // An answer that is no success says all in its head.
    guard code == 0 || (exchange.response.status >= 300) else {
      let text = String(decoding: explanation.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      throw HTTPFailure.connection(text.isEmpty ? String(cString: ccurl_explain(code)) : text)
    }
    exchange.response.status = ccurl_status(transfer)
    exchange.response.redirect = ccurl_redirect(transfer).map { String(cString: $0) }
    return exchange.response
  }

  private func prepare(
    _ transfer: OpaquePointer, for exchange: Exchange, explaining: UnsafeMutableBufferPointer<CChar>
  ) throws {
    var codes: [Int32] = []
    func set(_ option: ccurl_option, _ number: Int) { codes.append(ccurl_set_number(transfer, option, number)) }
    func set(_ option: ccurl_option, _ text: String) { codes.append(ccurl_set_pointer(transfer, option, text)) }
    set(CCURL_URL, address.text)
    set(CCURL_PROTOCOLS, Int(CCURL_HTTPS.rawValue | (address.origin.isEncrypted ? 0 : CCURL_HTTP.rawValue)))
    set(CCURL_FOLLOW_LOCATION, 0)
    set(CCURL_NO_SIGNAL, 1)
    set(CCURL_USER_AGENT, "distill-ddp")
    set(CCURL_CONNECT_TIMEOUT, stallTimeout)
    set(CCURL_LOW_SPEED_LIMIT, 1)
    set(CCURL_LOW_SPEED_TIME, stallTimeout)
    if let timeout { set(CCURL_TIMEOUT, timeout) }
    if isHead { set(CCURL_NO_BODY, 1) }
    if start > 0 { set(CCURL_RANGE, "\(start)-") }
    // No proxy knows this machine.
    if address.origin.isLoopback { set(CCURL_NO_PROXY, "*") }
    // Compressed, it would be of another size than what is stored.
    codes.append(ccurl_add_header(transfer, "Accept-Encoding: identity"))
    if let token { codes.append(ccurl_add_header(transfer, "Authorization: Bearer \(token)")) }
    codes.append(ccurl_set_pointer(transfer, CCURL_ERROR_BUFFER, explaining.baseAddress))
    let context = UnsafeRawPointer(Unmanaged.passUnretained(exchange).toOpaque())
    for option in [CCURL_HEADER_DATA, CCURL_WRITE_DATA, CCURL_PROGRESS_DATA] {
      codes.append(ccurl_set_pointer(transfer, option, context))
    }
    codes.append(
      ccurl_set_sink(transfer, CCURL_HEADER_FUNCTION) { bytes, size, count, context in
        let isTaken = Exchange.of(context)?.takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return isTaken == true ? size * count : 0
      })
    codes.append(
      ccurl_set_sink(transfer, CCURL_WRITE_FUNCTION) { bytes, size, count, context in
        let isTaken = Exchange.of(context)?.takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
        return isTaken == true ? size * count : 0
      })
    codes.append(ccurl_set_watch(transfer) { context, _, _, _, _ in Exchange.of(context)?.mayGoOn() == true ? 0 : 1 })
    set(CCURL_NO_PROGRESS, 0)
    if let wrong = codes.first(where: { $0 != 0 }) {
      throw HTTPFailure.library("libcurl: cannot be set up: \(String(cString: ccurl_explain(wrong)))")
    }
  }
}
