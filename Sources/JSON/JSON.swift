/// A JSON value (RFC 8259).
package enum JSON: Sendable, Equatable {
  case null
}
