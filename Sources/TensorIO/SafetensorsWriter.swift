// Safetensors files with bytes that depend on the content alone: for seeded inputs, for tests, for export.

import FloatingPointFormats

/// Collects tensors and writes them as one safetensors file.
///
/// The same tensors and metadata give the same bytes, in whatever order they were added; see ``SafetensorsLayout``.
public struct SafetensorsWriter: Sendable {
  private struct Tensor: Sendable {
    var place: SafetensorsLayout.Tensor
    var bytes: [UInt8]
  }

  private let metadata: [String: String]
  private var tensors: [Tensor] = []

  /// A file without tensors yet.
  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a floating-point tensor; every value is rounded once to nearest even, overflow gives an infinity.
  ///
  /// - Parameters:
  ///   - name: not yet added, not `__metadata__`.
  ///   - elementType: F64, F32, F16 or BF16.
  ///   - shape: the extents; their product is the number of values.
  ///   - values: in row-major order.
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType, sizeMismatch or duplicateKey.
  public mutating func add(
    _ name: String, _ elementType: TensorElementType, shape: [Int], values: [Double]
  ) throws {
    guard let encoder = ElementEncoder(elementType) else {
      throw SafetensorsLayout.fault(
        .unsupportedElementType, name, "an element type \(TensorElementType.realNames)", elementType.rawValue)
    }
    try add(name, elementType, shape, count: values.count) { encoder.encode(values) }
  }

  /// Adds a tensor of 32-bit integers; see ``add(_:_:shape:values:)``.
  public mutating func add(_ name: String, shape: [Int], integers: [Int32]) throws {
    try add(name, .i32, shape, count: integers.count) {
      integers.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> Int32(8 * $0)) } }
    }
  }

  private mutating func add(
    _ name: String, _ type: TensorElementType, _ shape: [Int], count: Int, _ bytes: () -> [UInt8]
  ) throws {
    guard name != "__metadata__", !tensors.contains(where: { $0.place.name == name }) else {
      throw SafetensorsLayout.fault(.duplicateKey, name, "a name that is free", "one in use")
    }
    guard elementCount(of: shape) == count else {
      throw SafetensorsLayout.fault(
        .sizeMismatch, name, "as many values as the shape \(shape) has", "\(count)")
    }
    let place = SafetensorsLayout.Tensor(name: name, elementType: type, shape: shape)
    tensors.append(Tensor(place: place, bytes: bytes()))
  }

  /// The whole file.
  public func bytes() -> [UInt8] {
    // Names and sizes were checked when the tensors were added.
    let layout = try! SafetensorsLayout(metadata: metadata, tensors: tensors.map(\.place))
    let content = Dictionary(uniqueKeysWithValues: tensors.map { ($0.place.name, $0.bytes) })
    var bytes = layout.header
    bytes.reserveCapacity(layout.byteCount)
    for tensor in layout.tensors { bytes += content[tensor.name]! }
    return bytes
  }

  /// Writes the file whole or not at all.
  ///
  /// - Throws: ``TensorFileError`` of kind unwritable.
  public func write(to path: String) throws { try writeFile(bytes(), to: path) }
}

/// The product of the extents; nil where one is negative or the product overflows.
func elementCount(of shape: [Int]) -> Int? {
  var product = 1
  for extent in shape {
    let (next, overflows) = product.multipliedReportingOverflow(by: extent)
    guard extent >= 0, !overflows else { return nil }
    product = next
  }
  return product
}
