import JSON

/// One thing that was looked at before a run, how it is, and what to do about it.
package struct Finding: Sendable, Equatable {
  package enum Status: String, Sendable {
    case ok
    /// It will run, slower or with less than it could.
    case warning
    /// It will not run.
    case problem
  }

  package let check: String
  package let status: Status
  package let text: String
  /// Empty where nothing needs to be done.
  package let remedy: String

  package init(_ check: String, _ status: Status, _ text: String, remedy: String = "") {
    self.check = check
    self.status = status
    self.text = text
    self.remedy = remedy
  }

  package var json: JSON {
    [
      "check": .string(check), "status": .string(status.rawValue), "finding": .string(text),
      "remedy": remedy.isEmpty ? .null : .string(remedy),
    ]
  }
}
