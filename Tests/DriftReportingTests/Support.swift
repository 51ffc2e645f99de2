import DriftReporting
import Foundation
import Synchronization
import Testing

/// A new folder for one test, removed when the object goes.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array((NSTemporaryDirectory() + "/drift-reporting-XXXXXX").utf8CString)
    let made = try #require(mkdtemp(&template))
    path = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { path + "/" + name }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  func put(_ text: String, _ name: String) throws {
    let file = path(name)
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
  }

  /// The names in a folder, hidden ones included.
  func entries(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }
}

/// A small table with every type and a column that may be empty.
let exampleTable = TableDescription(
  name: "example", title: "Example", summary: "One row per key.",
  schema: TableSchema(
    columns: [
      ColumnDescription("recipe", .string, meaning: "The recipe.", allowedValues: ["fp32", "hf-bf16"]),
      ColumnDescription("key", .integer, unit: "token", meaning: "The key token.", minimum: 0),
      ColumnDescription(
        "mean_logit", .number, unit: "logit", meaning: "The mean.", emptyWhere: "nothing was counted"),
      ColumnDescription("is_sink", .boolean, meaning: "Whether the key is a sink."),
      ColumnDescription("note", .string, meaning: "A note.", emptyWhere: "there is none"),
    ], primaryKey: ["recipe", "key"]))

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A number that threads share.
final class SharedInteger: Sendable {
  private let stored = Mutex(0)
  var value: Int {
    get { stored.withLock { $0 } }
    set { stored.withLock { $0 = newValue } }
  }
}
