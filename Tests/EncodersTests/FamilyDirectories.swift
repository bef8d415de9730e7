import Checkpoints
import Foundation
import GoldenFixtures

@testable import Encoders

/// The models that transformers saved, of every family: what lies in the folders of fixtures.
enum FamilyDirectories {
  static let families = EncoderFamily.all.map(\.modelType)
  /// By the folder of its script.
  static let goldens = names(in: "families")
  static let all =
    ["encoder/teacher", "encoder/student-relu"] + goldens.map { "families/\($0)" }
    + names(in: "positions").map { "positions/\($0)" }

  static func directory(_ path: String) throws -> ModelDirectory {
    try ModelDirectory("\(GoldenFixtures.root)/../\(path)")
  }

  /// The first of a family.
  /// - Throws: where it has none.
  static func directory(family: String) throws -> ModelDirectory {
    let first = try all.first { try directory($0).configuration["model_type"] == .string(family) }
    return try directory(GoldenFixtures.require(first))
  }

  private static func names(in folder: String) -> [String] {
    let path = "\(GoldenFixtures.root)/../\(folder)"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { FileManager.default.fileExists(atPath: "\(path)/\($0)/config.json") }.sorted()
  }
}
