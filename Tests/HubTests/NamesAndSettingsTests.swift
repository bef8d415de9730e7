import Testing

@testable import Hub

@Suite("names, settings and hashes of a hub")
struct NamesAndSettingsTests {
  @Test(arguments: [
    ("bert-base-uncased", "bert-base-uncased", "main"), ("org/name", "org/name", "main"),
    ("org/name@v1.0", "org/name", "v1.0"), ("o.r_g/n-a.m_e@refs/pr/7", "o.r_g/n-a.m_e", "refs/pr/7"),
  ])
  func namesAreUnderstood(text: String, repository: String, revision: String) throws {
    let name = try #require(HubName(text))
    #expect(name.repository == repository && name.revision == revision)
  }

  @Test(arguments: [
    "", "/", "a/", "/a", "a/b/c", "..", "a/..", "../a", "./a", ".a", "a.", "-a", "a--b/c", "a..b", "a b", "a\u{7}",
    "a\\b",
    "ä", "a.git", "a@", "a@..", "a@../x", "a@x/../y", "a@/x", "a@x/", "a@-x", "a@x.lock", "a@b c", "a@b@c", "~/a",
    "a%2Fb", String(repeating: "a", count: 97),
  ])
  func othersAreNot(text: String) { #expect(HubName(text) == nil) }

  @Test(arguments: [
    (["HOME": "/h"], "/h/.cache/huggingface/hub"), (["HOME": "/h", "XDG_CACHE_HOME": "/x"], "/x/huggingface/hub"),
    (["HOME": "/h", "XDG_CACHE_HOME": "/x", "HF_HOME": "~/hf"], "/h/hf/hub"),
    (["HF_HOME": "/hf", "HUGGINGFACE_HUB_CACHE": "/old"], "/old"),
    (["HF_HOME": "/hf", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": "/new"], "/new"),
  ])
  func cacheIsWhereOthersKeepIt(variables: [String: String], cache: String) throws {
    #expect(try HubSettings(variables: variables).cache == cache)
  }

  @Test(arguments: [
    (["HF_HUB_OFFLINE": "yes"], true), (["HF_HUB_OFFLINE": "0"], false), (["TRANSFORMERS_OFFLINE": "TRUE"], true),
    (["HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"], false), ([:], false),
  ])
  func offline(variables: [String: String], isOffline: Bool) throws {
    #expect(try HubSettings(variables: variables).isOffline == isOffline)
  }

  @Test func tokensWithControlsAreRefused() {
    #expect(throws: HubError.self) { try HubSettings(variables: ["HF_TOKEN": "a\r\nX-Evil: 1"]) }
  }

  @Test(arguments: [
    ("https://huggingface.co/a", "huggingface.co", 443, true), ("http://localhost:8/x", "localhost", 8, true),
    ("http://127.0.0.1/", "127.0.0.1", 80, true), ("http://[::1]:9/", "[::1]", 9, true),
    ("http://127.0.0.1.evil.org/", "127.0.0.1.evil.org", 80, false), ("http://127.evil", "127.evil", 80, false),
    ("HTTP://Example.org", "example.org", 80, false),
  ])
  func addresses(text: String, host: String, port: Int, isPrivate: Bool) throws {
    let address = try #require(WebAddress(text))
    #expect(address.origin.host == host && address.origin.port == port && address.isPrivate == isPrivate)
  }

  @Test(arguments: [
    "file:///etc/passwd", "ftp://a", "https://", "https://user@host/", "https://a:b@host/", "https://a\\@b/",
    "https://a b/",
    "https://a:0/", "https://a:99999/", "https://a:/", "https://a\r\nb/", "https://[a/", "https://ä/", "//a/b",
  ])
  func addressesThatCouldBeMistaken(text: String) { #expect(WebAddress(text) == nil) }

  /// By Python's hashlib.
  @Test(arguments: [
    (0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    (54, "62afb84531a08a28e8325f155abef4b9be8798b1"),
    (55, "9525d86f397cdc2c5a3672bf546c184250c8a02d"),
    (56, "ce6d37c86555d38f5461afbe7f0b0f3373519a72"),
    (63, "a10ecb02906a5b6546eb1d5564d39710f3c75599"),
    (64, "96eb299ab61d459148b19b03f71386abcec74669"),
    (119, "67df9f475df2b7188731620c616cf0d720bea7b5"),
    (120, "a25f33861947add5c0538d887432c082b0f6f04e"),
    (1000, "5bab7ca2f00700d948876448fd735ee860246ef4"),
  ])
  func gitsHashes(count: Int, expected: String) {
    var hash = GitBlobHash(size: count)
    let bytes = (0..<count).map { UInt8($0 % 251) }
    // In uneven pieces.
    for start in stride(from: 0, to: count, by: 37) {
      bytes[start..<min(start + 37, count)].withUnsafeBytes { hash.append($0) }
    }
    #expect(hash.digest() == expected)
  }
}
