import ProtocolBuffers

/// One record of an event file: a protocol buffer `Event` (tensorboard/compat/proto/event.proto).
package struct EventRecord: Sendable, Equatable {
  /// The encoded `Event`.
  private let data: [UInt8]

  private enum Field {
    static let wallTime: UInt64 = 1
    static let step: UInt64 = 2
    static let fileVersion: UInt64 = 3
    static let summary: UInt64 = 5
    static let sessionLog: UInt64 = 7
  }

  /// - Parameter time: seconds since 1970.
  private init(time: Double, step: Int, _ build: (inout ProtocolMessage) -> Void) {
    var event = ProtocolMessage()
    event.add(Field.wallTime, double: time)
    // A step of 0 is what a missing one means.
    if step != 0 { event.add(Field.step, varint: Int64(step)) }
    build(&event)
    data = event.bytes
  }

  /// What a file begins with.
  package static func fileVersion(time: Double) -> EventRecord {
    EventRecord(time: time, step: 0) { $0.add(Field.fileVersion, text: "brain.Event:2") }
  }

  /// What makes a TensorBoard that is running drop what it read of an earlier file of the same run.
  package static func sessionStart(time: Double) -> EventRecord {
    EventRecord(time: time, step: 0) { $0.add(Field.sessionLog) { $0.add(1, varint: 1) } }
  }

  /// Numbers of one step, in 32 bits.
  package static func scalars(_ values: [(tag: String, value: Double)], step: Int, time: Double) -> EventRecord {
    EventRecord(time: time, step: step) { event in
      event.add(Field.summary) { summary in
        for (tag, value) in values {
          summary.add(1) { entry in
            entry.add(1, text: tag)
            entry.add(2, float: Float(value))
          }
        }
      }
    }
  }

  /// Markdown, which the text dashboard shows.
  package static func text(_ tag: String, markdown: String, step: Int, time: Double) -> EventRecord {
    EventRecord(time: time, step: step) { event in
      event.add(Field.summary) { summary in
        summary.add(1) { entry in
          entry.add(1, text: tag)
          // TensorProto: dtype 1 (7 is DT_STRING), tensor_shape 2 of no dimensions, string_val 8.
          entry.add(8) { tensor in
            tensor.add(1, varint: 7)
            tensor.add(2) { _ in }
            tensor.add(8, text: markdown)
          }
          // SummaryMetadata: plugin_data 1 with its name 1, data_class 4 (2 is DATA_CLASS_TENSOR).
          entry.add(9) { metadata in
            metadata.add(1) { $0.add(1, text: "text") }
            metadata.add(4, varint: 2)
          }
        }
      }
    }
  }

  /// A picture, for the image dashboard, and Markdown that explains it.
  package static func picture(
    _ tag: String, png: [UInt8], width: Int, height: Int, description: String, step: Int, time: Double
  ) -> EventRecord {
    EventRecord(time: time, step: step) { event in
      event.add(Field.summary) { summary in
        summary.add(1) { entry in
          entry.add(1, text: tag)
          // TensorProto, as for text; tensor_shape 2 has one dim 2, whose size 1 is 3.
          entry.add(8) { tensor in
            tensor.add(1, varint: 7)
            tensor.add(2) { $0.add(2) { $0.add(1, varint: 3) } }
            tensor.add(8, text: "\(width)")
            tensor.add(8, text: "\(height)")
            tensor.add(8, bytes: png)
          }
          // SummaryMetadata: summary_description 3, data_class 4 (3 is DATA_CLASS_BLOB_SEQUENCE).
          entry.add(9) { metadata in
            metadata.add(1) { $0.add(1, text: "images") }
            metadata.add(3, text: description)
            metadata.add(4, varint: 3)
          }
        }
      }
    }
  }

  /// As a TFRecord: length, its checksum, the data, its checksum; numbers are little-endian.
  package var framed: [UInt8] {
    let length = withUnsafeBytes(of: UInt64(data.count).littleEndian, Array.init)
    func checksum(_ bytes: [UInt8]) -> [UInt8] {
      withUnsafeBytes(of: MaskedCRC32C.of(bytes).littleEndian, Array.init)
    }
    return length + checksum(length) + data + checksum(data)
  }
}
