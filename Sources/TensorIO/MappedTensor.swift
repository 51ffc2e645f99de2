// Elements of a mapped tensor as binary64, exactly: the one door through which stored values enter the product.

import Foundation

/// A tensor inside a mapped file. Holding it keeps the mapping alive; copies share it.
public struct MappedTensor: Sendable {
  /// The file, as the user wrote it.
  public let file: String
  /// The tensor's name.
  public let name: String
  /// The type of the elements.
  public let elementType: TensorElementType
  /// The extents, outermost first; empty for a scalar. The product fits Int.
  public let shape: [Int]
  /// Where the elements lie in the file, from the file's first byte.
  public let byteRange: Range<Int>

  let bytes: MappedBytes
  var isBigEndian = false
  /// The first index varies fastest in the file (NPY's fortran_order).
  var isColumnMajor = false

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// Reads elements as binary64, which holds every value of the four types exactly. A NaN stays a NaN (its payload and its
  /// quiet bit may change); infinities and the sign of zero stay.
  ///
  /// - Parameters:
  ///   - range: element indices in row-major order, whatever the order in the file; may be empty.
  ///   - destination: at least `range.count` elements; the first `range.count` are written.
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType unless the type is F64, F32, F16 or BF16; outOfRange.
  public func read(_ range: Range<Int>, into destination: UnsafeMutableBufferPointer<Double>) throws {
    try check(range, room: destination.count)
    switch elementType {
    case .f64: copy(range, into: destination) { (word: UInt64) in Double(bitPattern: word) }
    case .f32: copy(range, into: destination) { (word: UInt32) in Double(Float(bitPattern: word)) }
    case .bf16:
      copy(range, into: destination) { (word: UInt16) in Double(Float(bitPattern: UInt32(word) << 16)) }
    case .f16: copy(range, into: destination, Self.double(binary16:))
    default: throw notReal()
    }
  }

  /// Reads elements as binary32, which holds every value of F32, F16 and BF16 exactly; otherwise as the function of binary64.
  ///
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType unless the type is F32, F16 or BF16; outOfRange.
  public func read(_ range: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>) throws {
    try check(range, room: destination.count)
    switch elementType {
    case .f32: copy(range, into: destination) { (word: UInt32) in Float(bitPattern: word) }
    case .bf16: copy(range, into: destination) { (word: UInt16) in Float(bitPattern: UInt32(word) << 16) }
    case .f16: copy(range, into: destination, Self.float(binary16:))
    default: throw notReal(among: "F32, F16, BF16")
    }
  }

  private func check(_ range: Range<Int>, room: Int) throws {
    guard range.lowerBound >= 0, range.upperBound <= count, room >= range.count else {
      throw TensorFileError(
        .outOfRange, file: file, tensor: name, expected: "elements within 0..<\(count) and room for them",
        found: "\(range.lowerBound)..<\(range.upperBound) and room for \(room)",
        mend: "ask for elements that the tensor has")
    }
  }

  /// The elements of a range, or all of them; see ``read(_:into:)``.
  public func elements(_ range: Range<Int>? = nil) throws -> [Double] {
    let range = range ?? 0..<count
    guard elementType.format != nil else { throw notReal() }
    return try [Double](unsafeUninitializedCapacity: max(range.count, 0)) { buffer, initializedCount in
      try read(range, into: buffer)
      initializedCount = range.count
    }
  }

  private func notReal(among names: String = TensorElementType.realNames) -> TensorFileError {
    TensorFileError(
      .unsupportedElementType, file: file, tensor: name, expected: "elements of type \(names)",
      found: elementType.rawValue, mend: "convert the tensor to one of these types before saving it")
  }

  /// The value of a binary16 encoding. Exponent field and significand are moved into a binary64 word and rescaled by the
  /// difference of the biases, 1023 − 15, which is exact for normal and subnormal values alike.
  static func double(binary16 word: UInt16) -> Double {
    let magnitude = UInt64(word & 0x7FFF)
    let sign = UInt64(word & 0x8000) << 48
    if magnitude >= 0x7C00 {
      return Double(bitPattern: sign | 0x7FF0_0000_0000_0000 | (magnitude & 0x3FF) << 42)
    }
    let scaled = Double(bitPattern: magnitude << 42) * 0x1p1008
    return Double(bitPattern: sign | scaled.bitPattern)
  }

  /// The same in binary32: the biases differ by 127 − 15.
  static func float(binary16 word: UInt16) -> Float {
    let magnitude = UInt32(word & 0x7FFF)
    let sign = UInt32(word & 0x8000) << 16
    let scaled = (Float(bitPattern: magnitude << 13) * 0x1p112).bitPattern
    return Float(bitPattern: sign | (magnitude < 0x7C00 ? scaled : 0x7F80_0000 | (magnitude & 0x3FF) << 13))
  }

  @inline(__always)
  private func copy<Word: FixedWidthInteger & BitwiseCopyable, Value: BinaryFloatingPoint>(
    _ range: Range<Int>, into destination: UnsafeMutableBufferPointer<Value>, _ value: (Word) -> Value
  ) {
    guard !range.isEmpty, let target = destination.baseAddress else { return }
    let size = MemoryLayout<Word>.size
    let swapped = isBigEndian
    bytes.withBytes { all in
      let source = UnsafeRawBufferPointer(rebasing: all[byteRange]).baseAddress!
      func word(_ index: Int) -> Word {
        let raw = source.loadUnaligned(fromByteOffset: index * size, as: Word.self)
        return swapped ? Word(bigEndian: raw) : Word(littleEndian: raw)
      }
      if isColumnMajor, shape.count > 1 {
        var walk = ColumnMajorWalk(shape: shape, start: range.lowerBound)
        for index in 0..<range.count {
          target[index] = value(word(walk.offset))
          walk.advance()
        }
      } else if swapped {
        for index in 0..<range.count { target[index] = value(word(range.lowerBound + index)) }
      } else {
        // Without a branch or an overflow that could end the loop, so that it is made of vectors.
        let first = source + range.lowerBound * size
        for index in 0..<range.count {
          target[index] = value(
            Word(littleEndian: first.loadUnaligned(fromByteOffset: index &* size, as: Word.self)))
        }
      }
    }
  }
}

/// Walks a tensor in row-major order and tells where each element lies in column-major storage.
private struct ColumnMajorWalk {
  private let shape: [Int]
  private let strides: [Int]
  private var index: [Int]
  private(set) var offset = 0

  init(shape: [Int], start: Int) {
    self.shape = shape
    var stride = 1
    strides = shape.map { extent in
      defer { stride *= extent }
      return stride
    }
    index = shape
    var rest = start
    for axis in shape.indices.reversed() {
      let extent = max(shape[axis], 1)
      index[axis] = rest % extent
      rest /= extent
      offset += index[axis] * strides[axis]
    }
  }

  mutating func advance() {
    for axis in shape.indices.reversed() {
      index[axis] += 1
      offset += strides[axis]
      if index[axis] < shape[axis] { return }
      offset -= index[axis] * strides[axis]
      index[axis] = 0
    }
  }
}
