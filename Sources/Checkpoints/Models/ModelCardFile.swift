import Glibc

extension ModelExport {
  private static let cardName = "README.md"
  private static let largestCard = 1 << 20

  /// Changes a saved model's `README.md`, and its manifest with it: readers find the old model or the new.
  ///
  /// - Parameter change: gives the new text for the old.
  package static func changeCard(in directory: String, _ change: (String) -> String) throws {
    let card = try ReadableFile(join(directory, cardName))
    guard card.size <= largestCard else {
      throw CheckpointError(join(directory, cardName), "expected at most \(largestCard) bytes, found \(card.size)")
    }
    let old = String(decoding: try card.bytes(card.size, at: 0), as: UTF8.self)
    let new = change(old)
    guard new != old else { return }
    try replaceDirectory(directory) { copy in
      for name in try CheckpointManifest.names(in: directory) {
        if name == cardName || name == CheckpointManifest.name { continue }
        if let slash = name.lastIndex(of: "/") { try createDirectories(join(copy, String(name[..<slash]))) }
        // Nobody writes into a saved model's files, so that two names may share one. Some file systems cannot.
        guard link(join(directory, name), join(copy, name)) != 0 else { continue }
        let file = try ReadableFile(join(directory, name))
        try writeAtomically(try file.bytes(file.size, at: 0), to: join(copy, name))
      }
      try writeAtomically(Array(new.utf8), to: join(copy, cardName))
      try CheckpointManifest.write(into: copy)
    }
  }
}
