import JSON

/// A file as the hub describes it.
struct RemoteFile: Sendable, Equatable {
  let name: String
  let commit: String
  /// The name of its contents: their SHA-256 for large files, git's hash for others.
  let etag: String
  let size: Int
}

/// Asks the hub about files, and for them.
struct HubClient {
  let settings: HubSettings
  let isCancelled: () -> Bool
  let observe: (HubEvent) -> Void

  private static let mostRedirects = 5

  /// What the hub knows of a file; `nil` where that revision has no such file.
  func metadata(of file: String, in name: HubName) throws -> RemoteFile? {
    try retrying(file, attempts: 3) {
      let response = try follow(try request(file, of: name, isHead: true)) { _, _ in }
      if response.status == 404, isAbsent(response, name) { return nil }
      try check(response, file, of: name)
      func header(_ names: String...) -> String? { names.lazy.compactMap { response.headers[$0] }.first }
      let subject = "\(settings.endpoint): \(name)"
      guard let commit = header("x-repo-commit"), isCommit(commit) else {
        throw HubError.failed(
          subject: subject,
          problem: "expected the header X-Repo-Commit with \(file), found none; is HF_ENDPOINT a Hugging Face hub?")
      }
      guard !isCommit(name.revision) || name.revision == commit else {
        throw HubError.failed(
          subject: subject, problem: "expected \(file) of commit \(name.revision), found that of \(commit)")
      }
      guard let etag = header("x-linked-etag", "etag").map(Self.withoutQuotes), Self.isFileName(etag) else {
        throw HubError.failed(
          subject: subject,
          problem: "expected the header ETag with \(file), a word that can name a file, found "
            + (header("x-linked-etag", "etag")?.quoted ?? "none"))
      }
      let length = header("x-linked-size") ?? (response.isRedirect ? nil : header("content-length"))
      guard let size = length.flatMap({ HTTPResponse.number($0) }) else {
        throw HubError.failed(
          subject: subject,
          problem: "expected the size of \(file) in X-Linked-Size or Content-Length, found \(length?.quoted ?? "none")")
      }
      return RemoteFile(name: file, commit: commit, etag: etag, size: size)
    }
  }

  /// Requests a file's bytes from `start` on.
  func download(
    _ file: RemoteFile, of name: HubName, from start: Int,
    receive: @escaping (HTTPResponse, UnsafeRawBufferPointer) throws -> Void
  ) throws -> HTTPResponse {
    let pinned = name.at(file.commit)
    var request = try request(file.name, of: pinned, isHead: false)
    request.start = start
    let response = try follow(request, receive: receive)
    if response.status != 416 { try check(response, file.name, of: name) }
    return response
  }

  /// Repeats what fails because of the network, with pauses that double.
  func retrying<Result>(_ file: String, attempts: Int, _ body: () throws -> Result) throws -> Result {
    var delay = settings.firstRetryDelay
    for attempt in 1... {
      do {
        return try body()
      } catch HubError.unreachable(_, let problem) where attempt < attempts {
        observe(.retrying(file: file, problem: problem, seconds: delay))
        try pause(delay, subject: file)
        delay *= 2
      }
    }
    preconditionFailure("the loop ends by returning or throwing")
  }

  /// Waits, unless the caller asks to stop meanwhile.
  func pause(_ seconds: Double, subject: String) throws {
    let end = ContinuousClock.now + .seconds(seconds)
    repeat {
      if isCancelled() { throw HubError.cancelled(subject: subject) }
      sleepBriefly(min(0.05, seconds))
    } while ContinuousClock.now < end
  }

  /// What files a revision has, and which commit it is.
  func files(of name: HubName) throws -> (commit: String, files: [String]) {
    let subject = "\(settings.endpoint): \(name)"
    let body = Body()
    try retrying("its list of files", attempts: 3) {
      body.bytes.removeAll()
      let url =
        "\(settings.endpoint)/api/\(name.kind.folder)/\(name.repository)/revision/\(escaped(name.revision))"
      var request = try request(url, isHead: false)
      request.timeout = settings.metadataTimeout
      let response = try follow(request) { _, bytes in
        guard body.bytes.count + bytes.count <= Self.largestListing else {
          throw HubError.failed(
            subject: subject, problem: "its list of files is longer than \(Self.largestListing) bytes")
        }
        body.bytes += bytes
      }
      try check(response, "the list of files", of: name)
    }
    guard let json = try? JSON.parse(body.bytes, limits: JSON.Limits(bytes: Self.largestListing)),
      let commit = json["sha"]?.string, isCommit(commit), let siblings = json["siblings"]?.array
    else {
      throw HubError.failed(
        subject: subject, problem: "expected a list of files, found something else; is HF_ENDPOINT a Hugging Face hub?")
    }
    // What would lead out of the cache's folder is no file of it.
    return (commit, siblings.compactMap { $0["rfilename"]?.string }.filter(HubCache.isPlain))
  }

  private static let largestListing = 32 << 20

  // MARK: Requests

  private func request(_ file: String, of name: HubName, isHead: Bool) throws(HubError) -> HTTPRequest {
    // Slashes part folders.
    let path = file.split(separator: "/").map { escaped(String($0)) }.joined(separator: "/")
    return try request(
      "\(settings.endpoint)/\(name.kind.addressPrefix)\(name.repository)/resolve/\(escaped(name.revision))/\(path)",
      isHead: isHead)
  }

  private func request(_ url: String, isHead: Bool) throws(HubError) -> HTTPRequest {
    guard let endpoint = WebAddress(settings.endpoint), let address = WebAddress(url) else {
      throw .settings(
        "HF_ENDPOINT: expected an address such as https://huggingface.co, found \(settings.endpoint.quoted)")
    }
    guard endpoint.isPrivate else {
      throw .settings(
        "HF_ENDPOINT: expected https, found \(settings.endpoint.quoted), where anybody on the way could change a model "
          + "and read the token; http is for this machine only")
    }
    return HTTPRequest(
      address: address, isHead: isHead, token: settings.token, timeout: isHead ? settings.metadataTimeout : nil,
      stallTimeout: isHead ? settings.metadataTimeout : settings.downloadTimeout)
  }

  /// Follows redirects; for a head only those that stay with the hub, since another host's tells nothing.
  private func follow(
    _ request: HTTPRequest, receive: @escaping (HTTPResponse, UnsafeRawBufferPointer) throws -> Void
  ) throws -> HTTPResponse {
    let hub = request.address.origin
    var request = request
    for _ in 0...Self.mostRedirects {
      let subject = "\(hub.host):\(hub.port)"
      let response: HTTPResponse
      do {
        response = try request.perform(isCancelled: isCancelled, receive: receive)
      } catch HTTPFailure.library(let problem) {
        throw HubError.library(problem)
      } catch HTTPFailure.cancelled {
        throw HubError.cancelled(subject: subject)
      } catch HTTPFailure.connection(let problem) {
        let origin = request.address.origin
        throw HubError.unreachable(subject: "\(origin.host):\(origin.port)", problem: problem.escapedForDisplay)
      }
      guard response.isRedirect else { return response }
      guard let next = response.redirect.flatMap(WebAddress.init) else {
        throw HubError.failed(subject: subject, problem: "redirects to what is no address of http or https")
      }
      let isOwn = next.origin == hub
      if request.isHead && !isOwn { return response }
      // Nobody but a test on this machine has a reason to leave https.
      guard next.origin.isEncrypted || (!hub.isEncrypted && next.origin.isLoopback) else {
        throw HubError.failed(
          subject: subject,
          problem: "redirects to \(next.origin.host.escapedForDisplay) without encryption; expected https")
      }
      if !isOwn { request.token = nil }
      request.address = next
    }
    throw HubError.failed(
      subject: "\(hub.host):\(hub.port)", problem: "redirects more than \(Self.mostRedirects) times")
  }

  private func isAbsent(_ response: HTTPResponse, _ name: HubName) -> Bool {
    switch response.headers["x-error-code"] {
    case "EntryNotFound": true
    case nil: isCommit(name.revision)
    default: false
    }
  }

  private func check(_ response: HTTPResponse, _ file: String, of name: HubName) throws(HubError) {
    let page = "\(settings.endpoint)/\(name.kind.addressPrefix)\(name.repository)"
    let noun = name.kind.noun
    let problem: String
    switch (response.status, response.headers["x-error-code"]) {
    case (200..<400, _): return
    case (404, "RevisionNotFound"):
      problem = "has no revision \(name.revision); see \(page)/commits/main for those it has"
    case (401, _) where settings.token == nil, (404, "RepoNotFound"):
      problem =
        "there is no such \(noun) that everybody may read; check the name at \(page), and for a private or gated \(noun) "
        + "set HF_TOKEN"
    case (401, _):
      problem =
        "the hub does not accept the token (HF_TOKEN, or the file token in HF_HOME); make a new one, or unset it"
    case (403, "GatedRepo"):
      problem = "access is granted on request only; accept the terms at \(page) with the account that HF_TOKEN is of"
    case (403, _):
      problem = "access is denied; see whether the token (HF_TOKEN) may read this \(noun): \(page)"
    case (404, _):
      problem = "not found at \(settings.endpoint); check the name and the revision at \(page)"
    case (408, _), (429, _), (500..., _):
      throw .unreachable(subject: settings.endpoint, problem: "answers \(response.status) for \(name)/\(file)")
    default: problem = "\(settings.endpoint) answers \(response.status) for \(file), expected 200"
    }
    throw .failed(
      subject: "\(name)",
      problem: (name.kind == .model ? "does not exist here as a directory, and on the hub: " : "on the hub: ") + problem
    )
  }

  /// `W/"x"` and `"x"` are `x`.
  private static func withoutQuotes(_ etag: String) -> String {
    var etag = etag[...]
    if etag.hasPrefix("W/") { etag = etag.dropFirst(2) }
    if etag.count >= 2, etag.hasPrefix("\""), etag.hasSuffix("\"") { etag = etag.dropFirst().dropLast() }
    return String(etag)
  }

  private static func isFileName(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count) && !text.hasPrefix(".")
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
  }

  /// Percent-encodes what is not plain in an address, slashes too.
  private func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      let character = Character(UnicodeScalar(byte))
      let isPlain = byte < 0x80 && (character.isLetter || character.isNumber || "-._~".contains(character))
      let digits = String(byte, radix: 16, uppercase: true)
      return isPlain ? String(character) : "%" + (digits.count < 2 ? "0" : "") + digits
    }.joined()
  }
}

private final class Body {
  var bytes: [UInt8] = []
}
