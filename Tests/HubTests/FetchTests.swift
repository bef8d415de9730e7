import Foundation
import JSON
import Synchronization
import Testing

@testable import Hub

@Suite("fetching from a hub")
struct FetchTests {
  private let server: HubServer

  init() throws { server = try HubServer() }

  private func fetch(_ name: String = HubServer.model, _ hub: Hub? = nil) throws -> Hub.Location {
    try (hub ?? server.hub()).locate(name, effort: .download)
  }

  private func expectWhole(_ location: Hub.Location) {
    #expect(location == Hub.Location(path: server.snapshot, commit: HubServer.commit))
    #expect(server.contents("\(location.path)/model.safetensors") == HubServer.weights)
  }

  private func expectFailure(_ text: String, _ body: () throws -> some Any) {
    do {
      _ = try body()
      Issue.record("expected an error with \(text)")
    } catch {
      #expect("\(error)".contains(text), "\(error)")
      #expect(!"\(error)".contains(HubServer.token), "a token in \(error)")
    }
  }

  private func partial() throws -> [UInt8]? {
    let blobs = try FileManager.default.contentsOfDirectory(atPath: "\(server.modelCache)/blobs")
    return blobs.first { $0.hasSuffix(".incomplete") }.flatMap { server.contents("\(server.modelCache)/blobs/\($0)") }
  }

  @Test("a model lands in the cache's layout, once, and is found without a network from then on")
  func layout() throws {
    expectWhole(try fetch())
    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(server.snapshot)/config.json")
    #expect(link.hasPrefix("../../blobs/") && link.count == 12 + 40)
    #expect(server.contents("\(server.modelCache)/refs/main") == Array(HubServer.commit.utf8))
    #expect(FileManager.default.fileExists(atPath: "\(server.modelCache)/.no_exist/\(HubServer.commit)/tokenizer.json"))
    #expect(try partial() == nil)
    server.forgetRequests()
    expectWhole(try fetch())
    expectWhole(try fetch(HubServer.model, server.hub(offline: true)))
    expectWhole(try fetch("\(HubServer.model)@\(HubServer.commit)", server.hub(offline: true)))
    #expect(try server.requests.isEmpty)
  }

  @Test("the token reaches the hub and nobody else")
  func token() throws {
    try server.breaking(["*": ["token": .string(HubServer.token)]])
    expectWhole(try fetch())
    let tokens = try server.requests.map { ($0["role"]?.string, $0["token"]?.string) }
    #expect(tokens.contains { $0.0 == "cdn" })
    for (role, token) in tokens { #expect(token == (role == "hub" ? "Bearer \(HubServer.token)" : nil)) }
  }

  @Test("a revision is a branch, a tag or a commit, and a moved branch is followed on request only")
  func revisions() throws {
    for revision in ["v1.0", "refs/pr/1", HubServer.commit] { expectWhole(try fetch("acme/tiny@\(revision)")) }
    #expect(server.contents("\(server.modelCache)/refs/refs/pr/1") == Array(HubServer.commit.utf8))
    _ = try fetch()
    let moved = String(repeating: "ab", count: 20)
    try server.movingBranch(to: moved)
    #expect(try fetch().commit == HubServer.commit)
    #expect(try server.hub().locate("acme/tiny", effort: .refresh).commit == moved)
    #expect(try fetch().commit == moved)
    // The same contents are not received again.
    #expect(try server.requests.count { $0["role"]?.string == "cdn" } == 1)
  }

  @Test("an interrupted download goes on where it stopped", arguments: [1, 3])
  func resumesWithinOneCall(times: Int) throws {
    try server.breaking(["model.safetensors": ["on": "cdn", "cut": 50_000, "times": .integer(times)]])
    let retries = Mutex(0)
    let hub = try server.hub(observe: { event in
      if case .retrying = event { retries.withLock { $0 += 1 } }
    })
    expectWhole(try fetch(HubServer.model, hub))
    #expect(retries.withLock { $0 } == times)
    let ranges = try server.requests.filter { $0["role"]?.string == "cdn" }.map { $0["range"]?.string }
    #expect(ranges == [nil] + (1...times).map { "bytes=\(50_000 * $0)-" })
  }

  @Test("what another process received is not asked for again")
  func resumesAcrossCalls() throws {
    let calls = Mutex(0)
    try server.breaking(["model.safetensors": ["on": "cdn", "cut": 120_000, "times": 1]])
    let hub = try server.hub(
      isCancelled: { calls.withLock { $0 } > 0 },
      observe: { event in
        if case .retrying = event { calls.withLock { $0 += 1 } }
      })
    expectFailure("stopped; what was received is kept") { try fetch(HubServer.model, hub) }
    #expect(try partial() == Array(HubServer.weights.prefix(120_000)))
    expectFailure("has only a part of it: model.safetensors missing") {
      try fetch("\(HubServer.model)@\(HubServer.commit)", server.hub(offline: true))
    }
    server.forgetRequests()
    expectWhole(try fetch())
    #expect(try server.requests.contains { $0["range"]?.string == "bytes=120000-" })
  }

  @Test("a partial file that is not the start of the right one is received anew", arguments: [100, 200_000, 300_000])
  func wrongPartial(count: Int) throws {
    try leavePartial([UInt8](repeating: 7, count: count))
    expectWhole(try fetch())
  }

  /// What an earlier attempt would have left of the weights.
  private func leavePartial(_ bytes: [UInt8]) throws {
    let client = HubClient(settings: try server.hub().settings, isCancelled: { false }, observe: { _ in })
    let name = try #require(HubName(HubServer.model))
    let weights = try client.metadata(of: "model.safetensors", in: name)
    let etag = try #require(weights?.etag)
    try FileManager.default.createDirectory(atPath: "\(server.modelCache)/blobs", withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(filePath: "\(server.modelCache)/blobs/\(etag).incomplete"))
  }

  @Test("a server without ranges sends everything again")
  func ignoredRange() throws {
    try server.breaking([
      "model.safetensors": ["on": "cdn", "cut": 50_000, "times": 1], "*": ["on": "cdn", "range": "ignored"],
    ])
    expectWhole(try fetch())
    #expect(
      try server.requests.filter { $0["role"]?.string == "cdn" }.map { $0["range"]?.string } == [nil, "bytes=50000-"])
  }

  @Test(
    "what is not what the hub announced is refused",
    arguments: [
      (["on": "cdn", "damage": true], "expected contents with the hash"),
      (["on": "cdn", "extra": 10], "expected 200000 bytes, received more"),
      (["on": "hub", "size": 200_010], "expected 200010 bytes of model.safetensors, received 200000"),
      (["on": "hub", "size": 100], "expected 100 bytes, received more"),
      (["on": "hub", "size": -5], "expected the size of model.safetensors"),
      (["on": "hub", "size": "99999999999999999999"], "expected the size of model.safetensors"),
      (["on": "hub", "size": 900_000_000_000_000], "its file system has"),
      (["on": "hub", "etag": "../../../evil"], "a word that can name a file"),
      (["on": "hub", "commit": "../../evil"], "expected the header X-Repo-Commit"),
      (["on": "hub", "commit": "abababababababababababababababababababab"], "expected model.safetensors of commit"),
      (["on": "hub", "location": "http://example.org/x"], "without encryption"),
      (["on": "hub", "location": "file:///etc/passwd"], "no address of http or https"),
      (["on": "cdn", "cut": 50_000, "range": "bytes 0-1/2"], "found Content-Range"),
      (["on": "cdn", "headers": ["X-Long": .string(String(repeating: "x", count: 70_000))]], "headers are longer"),
      (["on": "cdn", "status": 503], "answers 503"),
    ] as [(JSON, String)])
  func refuses(fault: JSON, message: String) throws {
    try server.breaking(["model.safetensors": fault])
    if message.contains("Content-Range") { try leavePartial(Array(HubServer.weights.prefix(10))) }
    expectFailure(message) { try fetch() }
    #expect(!FileManager.default.fileExists(atPath: "\(server.snapshot)/model.safetensors"))
    #expect(!FileManager.default.fileExists(atPath: "\(server.modelCache)/refs/main"))
  }

  @Test("small files are held against git's hash")
  func damagedSmallFile() throws {
    try server.breaking(["vocab.txt": ["damage": true]])
    expectFailure("expected contents with the hash") { try fetch() }
  }

  @Test("refusals say what to do")
  func refusals() throws {
    expectFailure("acme/none: does not exist here as a directory, and on the hub: there is no such model") {
      try fetch("acme/none")
    }
    expectFailure("set HF_TOKEN") { try fetch("acme/none", server.hub(token: nil)) }
    expectFailure("has no revision v9") { try fetch("acme/tiny@v9") }
    try server.breaking(["*": ["status": 401]])
    expectFailure("does not accept the token") { try fetch() }
    try server.breaking(["*": ["status": 403, "code": "GatedRepo"]])
    expectFailure("accept the terms at http") { try fetch() }
    try server.breaking(["*": ["status": 404]])
    expectFailure("check the name and the revision") { try fetch() }
    try server.breaking([:])
    try server.remove("config.json")
    expectFailure("expected config.json on the hub") { try fetch() }
    expectFailure("expected https") { try fetch("acme/tiny", server.hub(endpoint: "http://example.org")) }
    expectFailure("expected an address") { try fetch("acme/tiny", server.hub(endpoint: "https://a@b")) }
    expectFailure("see whether this machine reaches the hub") {
      try fetch("acme/tiny", server.hub(endpoint: "http://127.0.0.1:1"))
    }
    expectFailure("the cache \(server.cache) has no such model") { try fetch("acme/tiny", server.hub(offline: true)) }
  }

  @Test("a silent server is given up")
  func stalled() throws {
    try server.breaking(["model.safetensors": ["on": "cdn", "drip": 30, "piece": 1000, "times": 1]])
    expectWhole(try fetch())
    #expect(try server.requests.contains { $0["range"]?.string?.hasPrefix("bytes=") == true })
  }

  @Test("weights in parts are found by their index", arguments: ["model.safetensors", "pytorch_model.bin"])
  func shards(file: String) throws {
    try server.remove("model.safetensors")
    let dot = file.lastIndex(of: ".") ?? file.endIndex
    let shards = (1...2).map { "\(file[..<dot])-0000\($0)-of-00002\(file[dot...])" }
    let index: JSON = ["weight_map": ["a": .string(shards[0]), "b": .string(shards[1])]]
    try server.serve("\(file).index.json", index.bytes())
    for (index, shard) in shards.enumerated() { try server.serve(shard, [UInt8(index)]) }
    let location = try fetch()
    for (index, shard) in shards.enumerated() {
      #expect(server.contents("\(location.path)/\(shard)") == [UInt8(index)])
    }
    // One of them gone, the snapshot is no longer whole.
    try FileManager.default.removeItem(atPath: "\(location.path)/\(shards[1])")
    expectFailure("a part of it: \(shards[1]) missing") { try fetch(HubServer.model, server.hub(offline: true)) }
  }

  @Test(
    "the modules of sentence-transformers come with their encoder",
    arguments: ["model.safetensors", "pytorch_model.bin"])
  func modules(weights: String) throws {
    let modules: JSON = [
      ["path": "", "type": "sentence_transformers.models.Transformer"],
      ["path": "1_Pooling", "type": "sentence_transformers.models.Pooling"],
      ["path": "2_Dense", "type": "sentence_transformers.sentence_transformer.modules.dense.Dense"],
      ["path": "3_Normalize", "type": "sentence_transformers.models.Normalize"],
    ]
    let files = [
      "modules.json": modules.bytes(), "config_sentence_transformers.json": [1], "1_Pooling/config.json": [2],
      "2_Dense/config.json": [3], "2_Dense/\(weights)": [4, 5],
    ]
    for (file, bytes) in files { try server.serve(file, bytes) }
    let location = try fetch()
    for (file, bytes) in files { #expect(server.contents("\(location.path)/\(file)") == bytes, "\(file)") }
    server.forgetRequests()
    expectWhole(try fetch())
    expectWhole(try fetch(HubServer.model, server.hub(offline: true)))
    #expect(try server.requests.isEmpty)
    try FileManager.default.removeItem(atPath: "\(location.path)/2_Dense/\(weights)")
    expectFailure("a part of it: 2_Dense/model.safetensors missing") {
      try fetch(HubServer.model, server.hub(offline: true))
    }
    expectWhole(try fetch())
    #expect(server.contents("\(location.path)/2_Dense/\(weights)") == [4, 5])
  }

  @Test("an encoder that another program downloaded is asked once for its modules")
  func modulesOfAnEncoder() throws {
    expectWhole(try fetch())
    let noted = "\(server.modelCache)/.no_exist/\(HubServer.commit)/modules.json"
    try FileManager.default.removeItem(atPath: noted)
    server.forgetRequests()
    expectWhole(try fetch(HubServer.model, server.hub(offline: true)))
    #expect(try server.requests.isEmpty)
    expectWhole(try fetch())
    #expect(try server.requests.contains { $0["path"]?.string?.hasSuffix("modules.json") == true })
    #expect(FileManager.default.fileExists(atPath: noted))
    server.forgetRequests()
    expectWhole(try fetch())
    #expect(try server.requests.isEmpty)
  }

  @Test("modules stay in their directory", arguments: ["../..", "/tmp", ".", "a//b"])
  func hostileModules(path: String) throws {
    let modules: JSON = [["path": .string(path), "type": "sentence_transformers.models.Dense"]]
    try server.serve("modules.json", modules.bytes())
    expectWhole(try fetch())
    #expect(try !server.requests.contains { $0["path"]?.string?.hasSuffix("\(path)/config.json") == true })
  }

  @Test(
    "names of parts stay in their directory",
    arguments: ["../../../evil.safetensors", "/tmp/evil.safetensors", "a\\b.safetensors", "evil.py", ".safetensors"])
  func hostileShards(name: String) throws {
    try server.remove("model.safetensors")
    let index: JSON = ["weight_map": ["a": .string(name)]]
    try server.serve("model.safetensors.index.json", index.bytes())
    expectFailure("expected the name of a .safetensors file") { try fetch() }
  }

  @Test("a whole model in the cache does without a hub that does not answer")
  func fallsBackToCache() throws {
    _ = try fetch()
    let absent = "\(server.modelCache)/.no_exist"
    try FileManager.default.removeItem(atPath: absent)
    let notices = Mutex(0)
    let hub = try server.hub(
      endpoint: "http://127.0.0.1:1",
      observe: { event in
        if case .notice = event { notices.withLock { $0 += 1 } }
      })
    expectWhole(try fetch(HubServer.model, hub))
    #expect(notices.withLock { $0 } == 1)
  }

  @Test("a directory comes before a name, and what cannot be a name is a path")
  func paths() throws {
    let directory = server.folder
    #expect(try fetch(directory) == Hub.Location(path: directory))
    for path in ["./acme/tiny", "a/b/c", "../tiny", "/acme"] { #expect(try fetch(path) == Hub.Location(path: path)) }
    #expect(try server.requests.isEmpty)
  }

  @Test("two at once receive each file once")
  func concurrent() async throws {
    try server.breaking(["model.safetensors": ["on": "cdn", "drip": 0.1, "piece": 40_000]])
    let hub = try server.hub()
    async let first = hub.locate("acme/tiny", effort: .download)
    async let second = hub.locate("acme/tiny", effort: .download)
    for location in try await [first, second] { expectWhole(location) }
    #expect(try server.requests.count { $0["role"]?.string == "cdn" } == 1)
  }
}
