/// A field of a CSV file, quoted where it has to be (RFC 4180).
package func csvField(_ text: String) -> String {
  guard text.utf8.contains(where: { [UInt8(ascii: ","), UInt8(ascii: "\""), 10, 13].contains($0) }) else { return text }
  return "\"\(text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
}
