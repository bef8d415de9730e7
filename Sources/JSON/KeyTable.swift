/// Finds strings in an array by their code units, in constant time and four to eight bytes each.
///
/// `String` equates composed and decomposed letters, which a vocabulary and a JSON object may hold as two keys.
package struct KeyTable: Sendable {
  /// Places in the array by hash, −1 where there is none; at most half are taken.
  private var places: [Int32] = []
  private var count = 0

  /// - Parameter capacity: How many keys are to come, as far as that is known.
  package init(capacity: Int = 0) {
    guard capacity > 0 else { return }
    var size = 32
    while size < 2 * capacity { size *= 2 }
    places = [Int32](repeating: -1, count: size)
  }

  /// The place of a key that was inserted.
  /// - Parameter keys: The array, as it was for `insert` but for more behind its end.
  package func place(of key: String, in keys: [String]) -> Int? {
    guard count > 0 else { return nil }
    let place = places[slot(of: key, in: keys)]
    return place < 0 ? nil : Int(place)
  }

  /// Adds the key at a place of the array.
  /// - Returns: Whether it was added, which it is not if an equal key is there.
  package mutating func insert(_ place: Int, in keys: [String]) -> Bool {
    if 2 * (count + 1) > places.count {
      let old = places
      places = [Int32](repeating: -1, count: max(32, 2 * old.count))
      for place in old where place >= 0 { places[slot(of: keys[Int(place)], in: keys)] = place }
    }
    let slot = slot(of: keys[place], in: keys)
    guard places[slot] < 0 else { return false }
    places[slot] = Int32(truncatingIfNeeded: place)
    count += 1
    return true
  }

  /// Where a key is, or belongs.
  private func slot(of key: String, in keys: [String]) -> Int {
    let mask = places.count - 1
    var slot = hash(key) & mask
    while places[slot] >= 0, !keys[Int(places[slot])].utf8.elementsEqual(key.utf8) { slot = (slot + 1) & mask }
    return slot
  }

  /// Keyed anew in every process, so that nobody can choose keys that collide.
  private func hash(_ key: String) -> Int {
    var hasher = Hasher()
    let hashed: Void? = key.utf8.withContiguousStorageIfAvailable {
      hasher.combine(bytes: UnsafeRawBufferPointer($0))
    }
    if hashed == nil { for unit in key.utf8 { hasher.combine(unit) } }
    return hasher.finalize()
  }
}
