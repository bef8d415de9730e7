import JSON

/// What a safetensors file says it contains, validated so that every byte belongs to exactly one tensor.
///
/// The format: a little-endian 64-bit length, that many bytes of JSON, then the tensors' bytes.
/// Reference: github.com/huggingface/safetensors, `safetensors/src/tensor.rs`.
struct SafetensorsHeader {
  /// Longer headers than any real model has are refused before they are read.
  static let maximumLength = 25_000_000
  /// More tensors than any real model has.
  static let maximumTensors = 100_000
  /// What the JSON of a header or a shard index may hold: as many tensors, of four dimensions.
  static let limits = JSON.Limits(bytes: maximumLength, values: 16 * maximumTensors)

  /// In the order of their bytes.
  let tensors: [TensorDescription]
  let metadata: [String: String]

  init(_ json: [UInt8], fileSize: Int) throws(Problem) {
    let dataStart = 8 + json.count
    guard json.first == UInt8(ascii: "{") else { throw Problem("header: expected '{' as its first byte") }
    guard let last = json.last(where: { $0 != 0x20 }), last == UInt8(ascii: "}") else {
      throw Problem("header: expected '}' at its end, followed by spaces only")
    }
    let parsed: JSON
    do throws(JSONError) {
      parsed = try JSON.parse(json, limits: Self.limits)
    } catch {
      throw Problem("header: \(error)")
    }
    guard let members = parsed.object else { throw Problem("header: expected an object") }
    guard members.count <= Self.maximumTensors else {
      throw Problem("header: expected at most \(Self.maximumTensors) tensors, found \(members.count)")
    }
    var metadata: [String: String] = [:]
    var tensors: [TensorDescription] = []
    tensors.reserveCapacity(members.count)
    for (name, value) in members {
      if name == "__metadata__" {
        metadata = try Self.metadata(value)
      } else {
        tensors.append(try Self.tensor(name, value, dataStart: dataStart))
      }
    }
    tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = dataStart
    for tensor in tensors {
      guard tensor.range.lowerBound == end else {
        throw Problem(
          "\(tensor.name.escapedForDisplay): data_offsets: expected to begin at \(end - dataStart), "
            + "where the tensor before ends, found \(tensor.range.lowerBound - dataStart)")
      }
      end = tensor.range.upperBound
    }
    guard end == fileSize else {
      throw Problem(
        "expected \(end) bytes by its header, found \(fileSize); the file is incomplete or altered; "
          + "copy or download it again")
    }
    self.tensors = tensors
    self.metadata = metadata
  }

  /// What is wrong, without the file's name.
  struct Problem: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private static func metadata(_ value: JSON) throws(Problem) -> [String: String] {
    guard let members = value.object else {
      throw Problem("header: __metadata__: expected an object, found \(value.summary)")
    }
    var metadata: [String: String] = [:]
    for (key, value) in members {
      guard let text = value.string else {
        throw Problem("header: __metadata__: \(key.quoted): expected a string, found \(value.summary)")
      }
      metadata[key] = text
    }
    return metadata
  }

  private static func tensor(_ name: String, _ value: JSON, dataStart: Int) throws(Problem) -> TensorDescription {
    let shown = name.escapedForDisplay
    guard let members = value.object, members.count == 3, let typeName = members["dtype"]?.string,
      let dimensions = members["shape"]?.array, let offsets = members["data_offsets"]?.array, offsets.count == 2
    else {
      throw Problem("\(shown): expected an object of dtype, shape and two data_offsets, found \(value.text().quoted)")
    }
    guard let type = TensorType(rawValue: typeName) else {
      let known = TensorType.allCases.map(\.rawValue).joined(separator: ", ")
      throw Problem("\(shown): dtype: expected one of \(known), found \(typeName.quoted)")
    }
    let shape = dimensions.compactMap(natural)
    guard shape.count == dimensions.count, shape.count <= 8 else {
      throw Problem(
        "\(shown): shape: expected at most 8 non-negative integers, found \(members["shape"]!.text().quoted)")
    }
    guard let count = product(shape), count <= TensorDescription.maximumCount else {
      throw Problem("\(shown): shape: expected at most \(TensorDescription.maximumCount) elements, found \(shape)")
    }
    guard let begin = natural(offsets[0]), let end = natural(offsets[1]), begin <= end,
      end <= Int.max - dataStart
    else {
      throw Problem(
        "\(shown): data_offsets: expected two ascending non-negative integers, found \(members["data_offsets"]!.text().quoted)"
      )
    }
    guard end - begin == count * type.size else {
      throw Problem(
        "\(shown): data_offsets: expected \(count * type.size) bytes for \(typeName) \(shape), found \(end - begin)")
    }
    return TensorDescription(
      name: name, type: type, shape: shape, count: count, range: dataStart + begin..<dataStart + end)
  }

  private static func natural(_ value: JSON) -> Int? {
    guard case .integer(let value) = value, value >= 0 else { return nil }
    return value
  }
}
