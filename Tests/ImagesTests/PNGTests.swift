import Archives
import Images
import Testing

@Suite struct PNGFiles {
  /// As Python writes the same chunks with `zlib.compressobj(0)` and `zlib.crc32`.
  @Test func smallPictureHasPythonsBytes() {
    let png = PNG(opacity: [0, 128, 255, 7, 8, 9], width: 3, colour: (1, 2, 3))
    #expect(png.height == 2)
    let data = "00000013494441547801010800f7ff000080ff00070809083101985d6c787c0000000049454e44ae426082"
    let header = 1081
    #expect(png.bytes.dropFirst(header).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == data)
    var checksum = CRC32()
    png.bytes[..<header].withUnsafeBytes { checksum.update($0) }
    #expect(checksum.value == 0xff64_f3d7)
  }

  @Test func largePictureHasSeveralBlocks() {
    let png = PNG(opacity: [UInt8](repeating: 5, count: 300 * 300), width: 300, colour: (0, 0, 0))
    // Of the zlib stream: its header, two blocks' headers, the rows with their filters, its checksum.
    let stream = 2 + 2 * 5 + 300 * 301 + 4
    let before = 8 + (12 + 13) + (12 + 768) + (12 + 256)
    #expect(png.bytes.count == before + 12 + stream + 12)
    #expect(Array(png.bytes[(before + 8)..<(before + 15)]) == [0x78, 0x01, 0, 0xff, 0xff, 0, 0])
  }
}
