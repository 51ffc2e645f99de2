import Foundation
import Testing

@testable import TensorIO

@Suite struct NPYFileTests {
  private static let fields = "'descr': '<f4', 'fortran_order': False, 'shape': (1,)"

  private func npy(_ header: String, version: UInt8 = 1, latin1: [UInt8]? = nil, data: [UInt8] = [])
    -> [UInt8]
  {
    let text = latin1 ?? Array(header.utf8)
    let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    return NPYHeader.magic + [version, 0] + length + text + data
  }

  private func elements(_ bytes: [UInt8]) throws -> [Double] {
    try NPYFile(bytes: bytes, named: "x.npy").tensor.elements()
  }

  @Test func versionsByHand() throws {
    for version in UInt8(1)...3 {
      let bytes = npy("{\(Self.fields), }     \n", version: version, data: [0, 0, 0xC0, 0x3F])
      #expect(try elements(bytes) == [1.5])
    }
    expectError(.wrongFormat) { try elements(npy("{\(Self.fields)}", version: 4, data: [0, 0, 0, 0])) }
    expectError(.wrongFormat) { try elements(npy("{\(Self.fields)}", version: 0, data: [0, 0, 0, 0])) }
  }

  @Test func typesAndByteOrders() throws {
    func header(_ descr: String, _ shape: String = "()") -> String {
      "{'shape': \(shape), \"descr\": '\(descr)', 'fortran_order': False}"
    }
    #expect(try elements(npy(header("<f2"), data: [0, 0x3E])) == [1.5])
    #expect(try elements(npy(header(">f2"), data: [0x3E, 0])) == [1.5])
    #expect(try elements(npy(header("|f2"), data: [0, 0x3E])) == [1.5])
    #expect(try elements(npy(header(">f4"), data: [0x3F, 0xC0, 0, 0])) == [1.5])
    #expect(try elements(npy(header("<f8"), data: [0, 0, 0, 0, 0, 0, 0xF8, 0x3F])) == [1.5])
    #expect(try elements(npy(header(">f8", "(1, 1,)"), data: [0x3F, 0xF8, 0, 0, 0, 0, 0, 0])) == [1.5])
    expectError(.unsupportedElementType) { try elements(npy(header("<i4"), data: [0, 0, 0, 0])) }
    let error = expectError(.unsupportedElementType) { try elements(npy(header("<V2"), data: [0, 0])) }
    #expect(error?.mend.contains("float32") == true)
    expectError(.unsupportedElementType) { try elements(npy(header("|V2"), data: [0, 0])) }
    for descr in ["|O", "<f16", "=f4", "f4", "", "<c16", "<U3", "<V1"] {
      expectError(.unknownElementType, "\(descr)") { try elements(npy(header(descr), data: [0, 0])) }
    }
  }

  /// [[0, 1, 2], [3, 4, 5]] in Fortran order lies as 0 3 1 4 2 5; and a cube, read in pieces.
  @Test func fortranOrderIsUndone() throws {
    func file(_ shape: [Int], _ stored: [Int]) throws -> MappedTensor {
      let extents = shape.map(String.init).joined(separator: ",")
      let data = stored.flatMap { (value: Int) -> [UInt8] in
        let bits = Float(value).bitPattern
        return (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) }
      }
      let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (\(extents),)}"
      return try NPYFile(bytes: npy(header, data: data), named: "f.npy").tensor
    }
    #expect(try file([2, 3], [0, 3, 1, 4, 2, 5]).elements() == [0, 1, 2, 3, 4, 5])
    #expect(try file([4], [0, 1, 2, 3]).elements(1..<3) == [1, 2])
    #expect(try file([2, 0, 3], []).elements() == [])
    let (a, b, c) = (2, 3, 4)
    let stored = (0..<c).flatMap { z in (0..<b).flatMap { y in (0..<a).map { x in (x * b + y) * c + z } } }
    let cube = try file([a, b, c], stored)
    for start in 0...24 {
      #expect(try cube.elements(start..<24) == (start..<24).map(Double.init))
    }
  }

  @Test(
    arguments: [
      ("{'descr': '<f4', 'fortran_order': False}", .wrongField),
      ("{'descr': '<f4', 'shape': (1,)}", .wrongField),
      ("{'fortran_order': False, 'shape': (1,)}", .wrongField),
      ("{\(fields), 'more': True}", .wrongField),
      ("{\(fields), 'descr': '<f4'}", .duplicateKey),
      ("{'descr': True, 'fortran_order': False, 'shape': (1,)}", .wrongField),
      ("{'descr': '<f4', 'fortran_order': 'False', 'shape': (1,)}", .wrongField),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': True}", .wrongField),
      ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,,)}", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", .headerSyntax),
      ("{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1,)}", .headerSyntax),
      ("{\(fields)", .headerSyntax), ("{\(fields)} x", .headerSyntax), ("{\(fields)}\0", .headerSyntax),
      ("", .headerSyntax), ("[]", .headerSyntax), ("{'descr", .headerSyntax),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", .invalidNumber),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2)}", .invalidNumber),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,)}", .invalidNumber),
      ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000,)}", .sizeMismatch),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", .sizeMismatch),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", .sizeMismatch),
    ] as [(String, TensorFileError.Kind)])
  func brokenHeaders(header: String, kind: TensorFileError.Kind) {
    expectError(kind, "\(header)") { try elements(npy(header, data: [0, 0, 0, 0])) }
  }

  @Test func brokenFrames() throws {
    let good = npy("{\(Self.fields)}\n", data: [0, 0, 0x80, 0x3F])
    #expect(try elements(good) == [1])
    expectError(.truncated) { try elements([]) }
    expectError(.truncated) { try elements(Array(good[..<8])) }
    expectError(.truncated) { try elements(Array(good[..<30])) }
    expectError(.sizeMismatch) { try elements(good.dropLast()) }
    expectError(.sizeMismatch) { try elements(good + [0]) }
    expectError(.wrongFormat) { try elements(Array("PK\u{3}\u{4} a zip archive".utf8)) }
    expectError(.truncated) { try elements(NPYHeader.magic + [2, 0, 4, 0]) }
    expectError(.truncated) { try elements(NPYHeader.magic + [2, 0, 4, 0, 0, 0]) }
    expectError(.headerTooLarge) { try elements(NPYHeader.magic + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF]) }
    expectError(.headerNotText) { try elements(npy("", version: 3, latin1: [0x7B, 0xFF])) }
    expectError(.headerSyntax) { try elements(npy("", version: 1, latin1: [0x7B, 0xFF])) }
    expectError(.missingFile) { try NPYFile(path: "none.npy") }
  }

  /// The bytes that NumPy 2 writes for numpy.array([[1.5, -2]], dtype) with its header padded to 128 bytes.
  @Test func writerWritesWhatNumPyWrites() throws {
    let bytes = try NPYFile.bytes(.f16, shape: [1, 2], values: [1.5, -2])
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }"
    let expected =
      NPYHeader.magic + [1, 0, 0x76, 0] + Array(header.utf8)
      + [UInt8](repeating: 0x20, count: 117 - header.utf8.count) + [0x0A, 0, 0x3E, 0, 0xC0]
    #expect(bytes == expected)
    #expect(try elements(bytes) == [1.5, -2])
    #expect(try elements(NPYFile.bytes(.f64, shape: [], values: [0.1])) == [0.1])
    #expect(try elements(NPYFile.bytes(.f32, shape: [1], values: [0.1])) == [Double(Float(0.1))])
    expectError(.unsupportedElementType) { try NPYFile.bytes(.bf16, shape: [1], values: [1]) }
    expectError(.unsupportedElementType) { try NPYFile.bytes(.i32, shape: [1], values: [1]) }
    expectError(.sizeMismatch) { try NPYFile.bytes(.f32, shape: [2], values: [1]) }
  }
}
