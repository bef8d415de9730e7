/// How the classes of one list are found in another: the one place that decides it, wherever a model, a task, a dataset
/// or a teacher meets another.
package struct ClassMatch: Equatable, Sendable {
  /// For each class of the list, its place in the other.
  package let places: [Int]

  /// Whether the list is the other, class by class.
  package var isIdentity: Bool { places == Array(places.indices) }

  /// The place in `others` of each of `names`, by name: as it is written, or else without regard to case and to `_`, `-`
  /// and blanks. Lists of equal length match in their order if one of them has no names but `LABEL_0` or `0`.
  ///
  /// - Returns: `nil` if a class is not among the others, or two are the same.
  package init?(_ names: [String], in others: [String]) {
    guard names != others else {
      places = Array(names.indices)
      return
    }
    if names.count == others.count, Self.areUnnamed(names) || Self.areUnnamed(others) {
      places = Array(names.indices)
      return
    }
    let exact = Dictionary(others.enumerated().map { ($1, $0) }) { first, _ in first }
    let loose = Dictionary(others.enumerated().map { (Self.letters($1), $0) }) { _, _ in -1 }
    let places = names.compactMap { exact[$0] ?? loose[Self.letters($0)] }
    guard places.count == names.count, !places.contains(-1), Set(places).count == places.count else { return nil }
    self.places = places
  }

  /// Whether these are the names that a configuration gives classes without names.
  package static func areUnnamed(_ names: [String]) -> Bool {
    names.indices.allSatisfy { names[$0].lowercased() == "label_\($0)" || names[$0] == "\($0)" }
  }

  /// A name as it is compared where it is not found as written.
  static func letters(_ name: String) -> String {
    String(name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " })
  }
}
