/// What stops a command besides what the libraries find: `predictions/out.jsonl: expected …; choose another path`.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
