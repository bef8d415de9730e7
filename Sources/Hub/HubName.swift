import Glibc

/// A model or a data set on the hub: `bert-base-uncased`, `org/name`, either with `@revision`.
package struct HubName: Sendable, Equatable, CustomStringConvertible {
  /// `name` or `org/name`.
  package let repository: String
  /// A branch, a tag or a commit.
  package let revision: String
  package var kind = Kind.model

  package enum Kind: Sendable {
    case model, dataset

    /// What its folders in the cache begin with, and what the hub's interface calls it.
    var folder: String { self == .model ? "models" : "datasets" }
    /// Before its name in the hub's addresses.
    var addressPrefix: String { self == .model ? "" : "datasets/" }
    var noun: String { self == .model ? "model" : "data set" }
  }

  package static let defaultRevision = "main"

  /// `nil` for what cannot be such a name, as most paths.
  package init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard Self.isRepository(parts[0]) else { return nil }
    let revision = parts.count > 1 ? parts[1] : Self.defaultRevision
    guard Self.isRevision(revision) else { return nil }
    repository = parts[0]
    self.revision = revision
  }

  /// The same of another revision.
  func at(_ revision: String) -> HubName { HubName(repository: repository, revision: revision, kind: kind) }

  private init(repository: String, revision: String, kind: Kind) {
    self.repository = repository
    self.revision = revision
    self.kind = kind
  }

  /// Whether somebody who wrote this probably meant a folder: one in a folder that is here, or that is usually made for
  /// models.
  package var looksLikePath: Bool {
    guard let slash = repository.firstIndex(of: "/") else { return false }
    let folder = String(repository[..<slash])
    return ["models", "model", "runs", "checkpoints", "output", "outputs"].contains(folder) || access(folder, F_OK) == 0
  }

  package var description: String {
    revision == Self.defaultRevision ? repository : "\(repository)@\(revision)"
  }

  /// The hub's own rules, which also keep a name from leaving the cache's folder.
  private static func isRepository(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, text.utf8.count <= 96, !text.contains("--"), !text.contains(".."), !text.hasSuffix(".git")
    else { return false }
    return parts.allSatisfy { part in
      guard let first = part.first, let last = part.last else { return false }
      return part.utf8.allSatisfy(isPlain) && !"-.".contains(first) && !"-.".contains(last)
    }
  }

  /// A part of git's rules, which keeps a revision below the cache's `refs`.
  private static func isRevision(_ text: String) -> Bool {
    text.utf8.count <= 200 && !text.hasPrefix("-")
      && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
        !part.isEmpty && part.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "+") } && !part.hasPrefix(".")
          && !part.hasSuffix(".") && !part.contains("..") && !part.hasSuffix(".lock")
      }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}

/// Whether a text is as many lower-case hexadecimal digits.
func isHexadecimal(_ text: String, digits: Int) -> Bool {
  text.utf8.count == digits
    && text.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
    }
}

/// Whether a revision is a commit's full name, which never changes what it means.
func isCommit(_ revision: String) -> Bool { isHexadecimal(revision, digits: 40) }
