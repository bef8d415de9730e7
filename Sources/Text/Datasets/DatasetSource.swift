import Columnar

/// Where labelled sentences are read from, and which columns hold what.
package struct DatasetSource: Sendable, Equatable {
  package enum Format: Sendable, Equatable {
    /// One sentence a line, split on `\n` only; its labels, if any, in a file of as many lines (TweetEval).
    case lines(labelsPath: String?)
    /// RFC 4180, with a header.
    case csv
    /// Tab-separated and unquoted (GLUE).
    case tsv(header: Bool)
    /// One JSON object a line.
    case jsonl
    /// A word a line with its tag, a blank line behind each sentence.
    case conll
    /// A file of columns; of Arrow's also a directory that `datasets` saved to.
    case columns(ColumnFile.Format)
    /// One split of a data set on the hub, whose name is `path`: its files are found before it is read.
    case hub(config: String?, split: String)
    /// One split of a benchmark's task, whose layout says which files of the directory `path` are read and how.
    case layout(DatasetLayout, DatasetLayout.Split)
  }

  /// A column by its name in the header (or JSON key), or by its number from 0.
  package enum Column: Sendable, Equatable {
    case name(String)
    case index(Int)
  }

  /// What an empty label, `-1` or null means.
  package enum MissingLabels: String, Sendable, CaseIterable {
    case error
    /// The row is text without a label.
    case unlabelled
  }

  package var format: Format
  /// A file, or a pattern that stands for several, as `parts/*.jsonl` does.
  package var path: String
  /// More of these, whose rows follow.
  package var morePaths: [String] = []
  /// The labels of these.
  package var moreLabelsPaths: [String] = []
  package var textColumn = Column.name("text")
  /// The second sentence of a pair.
  package var pairColumn: Column?
  /// Whether a column `text_pair` is the second sentence where none is named.
  package var findsPair = true
  package var labelColumn: Column? = .name("label")
  /// Which rows are ranked together; `nil` for those of the same text.
  package var groupColumn: Column?
  package var missingLabels = MissingLabels.error
  /// The classes in the order of their numbers, where a file has numbers and something beside it names them.
  package var classes: [String]?
  /// Columns to carry along, for what is written of each row.
  package var keptColumns: [String] = []
  /// Between the fields of a CSV.
  package var separator = UInt8(ascii: ",")
  /// Whether the first record of a CSV names its columns.
  package var csvHasHeader = true
  /// What the file holds, where it was read already, from a pipe.
  package var contents: [UInt8]?
  /// Whether rows of a TSV with too few fields are left out rather than an error.
  var skipsShortRows = false

  package init(format: Format, path: String) {
    self.format = format
    self.path = path
  }
}
