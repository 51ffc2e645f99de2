// Files broken on purpose: tests write them into a folder of their own and check how they are refused.

import Foundation
import Testing

@testable import TensorIO

/// A folder that goes with the last reference to it.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "TensorIOTests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and gives its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// A safetensors file from a header text and data bytes.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  let text = Array(header.utf8)
  return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + data
}

/// Expects an error of a kind, with a message that has all its parts, and gives it back.
@discardableResult
func expectError<Result>(
  _ kind: TensorFileError.Kind, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Result
) -> TensorFileError? {
  let error = #expect(throws: TensorFileError.self, comment, sourceLocation: sourceLocation) { try body() }
  guard let error else { return nil }
  #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
  for part in [error.file, error.expected, error.found, error.mend] {
    #expect(!part.isEmpty && error.description.contains(part), "\(error)", sourceLocation: sourceLocation)
  }
  return error
}
