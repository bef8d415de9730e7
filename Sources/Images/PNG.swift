import Archives

/// Small pictures of one colour on nothing, so that they suit a light and a dark page.
package struct PNG: Sendable, Equatable {
  /// The file.
  package let bytes: [UInt8]
  package let width: Int
  package let height: Int

  /// - Parameters:
  ///   - opacity: of each pixel, row after row from the top. (height × width)
  ///   - colour: red, green and blue.
  package init(opacity: [UInt8], width: Int, colour: (UInt8, UInt8, UInt8)) {
    precondition(width > 0 && !opacity.isEmpty && opacity.count % width == 0)
    self.width = width
    height = opacity.count / width
    // Each row begins with its filter: 0 is none.
    let rows = stride(from: 0, to: opacity.count, by: width).flatMap { [0] + opacity[$0..<$0 + width] }
    let size = Self.bigEndian(UInt32(width)) + Self.bigEndian(UInt32(height))
    bytes =
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      // Eight bits a pixel, which are places in a palette.
      + Self.chunk("IHDR", size + [8, 3, 0, 0, 0])
      + Self.chunk("PLTE", (0..<256).flatMap { _ in [colour.0, colour.1, colour.2] })
      + Self.chunk("tRNS", Array(0...255))
      + Self.chunk("IDAT", Self.stored(rows)) + Self.chunk("IEND", [])
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(type.utf8) + data
    var checksum = CRC32()
    body.withUnsafeBytes { checksum.update($0) }
    return bigEndian(UInt32(data.count)) + body + bigEndian(checksum.value)
  }

  /// A zlib stream (RFC 1950) of blocks without compression, of which a picture of a few hundred pixels needs none.
  private static func stored(_ data: [UInt8]) -> [UInt8] {
    var out: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: data.count, by: 65_535) {
      let part = data[start..<min(start + 65_535, data.count)]
      let length = UInt16(part.count)
      out.append(part.endIndex == data.count ? 1 : 0)
      for number in [length, ~length] { out += [UInt8(number & 0xff), UInt8(number >> 8)] }
      out += part
    }
    // Adler-32.
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in data {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    return out + bigEndian(b << 16 | a)
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
}
