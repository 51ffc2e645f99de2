import FloatingPointFormats
import Foundation
import TensorIO
import Testing

@Suite struct SafetensorsLayoutTests {
  private typealias Tensor = SafetensorsLayout.Tensor

  /// The order and the offsets, worked out by hand: 64 bits before 16, then names by their bytes.
  @Test func tensorsFollowOneAnotherWidestFirst() throws {
    let layout = try SafetensorsLayout(
      metadata: ["b": "2", "a": "\"1\""],
      tensors: [
        Tensor(name: "layers.7.sin", elementType: .bf16, shape: [3, 2]),
        Tensor(name: "layers.22.sin", elementType: .bf16, shape: [1]),
        Tensor(name: "positions", elementType: .i64, shape: [2]),
      ])
    #expect(layout.tensors.map(\.name) == ["positions", "layers.22.sin", "layers.7.sin"])
    let text = String(decoding: layout.header.dropFirst(8), as: UTF8.self)
    #expect(
      text.hasPrefix(
        #"{"__metadata__":{"a":"\"1\"","b":"2"},"positions":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"#
          + #""layers.22.sin":{"dtype":"BF16","shape":[1],"data_offsets":[16,18]},"#
          + #""layers.7.sin":{"dtype":"BF16","shape":[3,2],"data_offsets":[18,30]}}"#))
    #expect(layout.header.count.isMultiple(of: 8))
    #expect(layout.header[0] == UInt8(truncatingIfNeeded: layout.header.count - 8))
    #expect(layout.byteCount == layout.header.count + 30)
  }

  @Test func whatCannotBeLaidOutIsRefused() {
    func fault(_ tensors: [Tensor]) -> TensorFileError.Kind? {
      do {
        _ = try SafetensorsLayout(metadata: [:], tensors: tensors)
        return nil
      } catch {
        return (error as? TensorFileError)?.kind
      }
    }
    let tensor = Tensor(name: "x", elementType: .f32, shape: [2])
    #expect(fault([tensor, tensor]) == .duplicateKey)
    #expect(fault([Tensor(name: "__metadata__", elementType: .f32, shape: [2])]) == .duplicateKey)
    #expect(fault([Tensor(name: "x", elementType: .f32, shape: [-2])]) == .sizeMismatch)
    #expect(fault([Tensor(name: "x", elementType: .f32, shape: [Int.max / 2])]) == .sizeMismatch)
    #expect(fault([Tensor(name: "x", elementType: .f4, shape: [2])]) == .unsupportedElementType)
  }

  @Test func valuesBecomeTheBytesOfTheirEncodings() {
    #expect(
      TensorElementType.bf16.bytes(of: [1.0078125, -.infinity, -0.0]) == [0x81, 0x3f, 0x80, 0xff, 0, 0x80])
    #expect(TensorElementType.f32.bytes(of: [1.0078125, .nan]) == [0, 0, 0x81, 0x3f, 0, 0, 0xc0, 0x7f])
    #expect(TensorElementType.i64.bytes(of: [1]) == nil)
  }
}
