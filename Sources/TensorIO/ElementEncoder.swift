// From binary64 to stored bytes: one rounding, nearest even, in the format of the element type.

import FloatingPointFormats
import Foundation

/// Appends values to bytes, little-endian, each rounded once to nearest even (overflow gives an infinity).
struct ElementEncoder {
  private let format: FloatingPointFormat
  private let byteCount: Int

  /// Nil unless the type is one of ``TensorElementType/real``.
  init?(_ type: TensorElementType) {
    guard let format = type.format else { return nil }
    self.format = format
    byteCount = type.bitWidth / 8
  }

  func append(_ value: Double, to bytes: inout [UInt8]) {
    // Rounding is the identity for binary64; a NaN keeps its bits.
    let encoding = format == .fp64 ? value.bitPattern : format.round(ExactValue(value)).encoding
    for index in 0..<byteCount { bytes.append(UInt8(truncatingIfNeeded: encoding >> UInt64(8 * index))) }
  }

  func encode(_ values: some Sequence<Double>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.underestimatedCount * byteCount)
    for value in values { append(value, to: &bytes) }
    return bytes
  }
}

/// Writes a file whole or not at all.
func writeFile(_ bytes: [UInt8], to path: String) throws {
  do {
    try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
  } catch {
    throw TensorFileError(
      .unwritable, file: path, expected: "a file that can be written",
      found: "the system's refusal (\(error.localizedDescription))",
      mend: "check the folder and its permissions")
  }
}
