import Encoders
import JSON
import Kernels

/// What all entries of one folder of a cache share: the teacher, the taps with their layers, and the precision.
///
/// Its description stands in every file, whose folder is named by its hash. So a changed teacher or adaptor looks in
/// another folder, and a file that was moved there is told by what it says of itself.
struct CacheIdentity: Sendable {
  /// JSON in a fixed order of keys: equal for equal identities.
  let description: [UInt8]
  let precision: TeacherCacheSettings.Precision
  let layout: EntryLayout

  /// Raised where the same weights would give other features, or bytes another meaning.
  private static let version = 2
  /// The most bytes of a description, several times what 256 layers need.
  static let longestDescription = 1 << 16

  init(_ fingerprint: TeacherFingerprint, taps: TapSelection, precision: TeacherCacheSettings.Precision) {
    var members = JSONObject()
    members["version"] = .integer(Self.version)
    for (key, value) in fingerprint.members { members[key] = value }
    var layers = JSONObject()
    for kind in Tap.Kind.allCases where !taps[kind].isEmpty {
      layers[kind.rawValue] = .array(taps[kind].sorted().map(JSON.integer))
    }
    members["taps"] = .object(layers)
    members["precision"] = .string(precision.rawValue)
    description = JSON.object(members).bytes()
    self.precision = precision
    layout = EntryLayout(fingerprint.configuration, taps: taps)
  }

  var folder: String { Self.folder(of: description) }

  static func folder(of description: [UInt8]) -> String { String("\(SHA256(of: description))".prefix(folderLength)) }

  /// Hexadecimal digits.
  private static let folderLength = 32

  /// Whether a name is one that `folder` gives.
  static func isFolder(_ name: String) -> Bool {
    name.utf8.count == folderLength && name.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
