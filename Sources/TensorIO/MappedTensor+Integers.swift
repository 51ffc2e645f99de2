// Integers from a mapped tensor: token positions, which are whole numbers in whatever element type a framework saved them.

extension MappedTensor {
  /// The elements as integers, in row-major order: of an integer type, or of a real type whose values are whole numbers.
  ///
  /// - Parameter limit: the greatest magnitude that is accepted.
  /// - Throws: ``TensorFileError`` of kind unsupportedElementType for other types, invalidNumber for a value that is no whole number
  ///   or beyond the limit, with the element's index.
  public func integers(within limit: Int) throws -> [Int] {
    func invalid(_ index: Int, _ found: String) -> TensorFileError {
      TensorFileError(
        .invalidNumber, file: file, tensor: name, expected: "whole numbers within ±\(limit)",
        found: "\(found) at index \(index)", mend: "save positions as integers, as torch.arange gives them")
    }
    if elementType.format != nil {
      return try elements().enumerated().map { index, value in
        guard value.magnitude <= Double(limit), let whole = Int(exactly: value) else {
          throw invalid(index, "\(value)")
        }
        return whole
      }
    }
    let words: [Int?]
    switch elementType {
    case .i8: words = wholeNumbers(Int8.self)
    case .u8: words = wholeNumbers(UInt8.self)
    case .i16: words = wholeNumbers(Int16.self)
    case .u16: words = wholeNumbers(UInt16.self)
    case .i32: words = wholeNumbers(Int32.self)
    case .u32: words = wholeNumbers(UInt32.self)
    case .i64: words = wholeNumbers(Int64.self)
    case .u64: words = wholeNumbers(UInt64.self)
    default:
      throw TensorFileError(
        .unsupportedElementType, file: file, tensor: name, expected: "elements of an integer type",
        found: elementType.rawValue, mend: "save positions as I64")
    }
    return try words.enumerated().map { index, word in
      guard let word, word.magnitude <= limit.magnitude else {
        throw invalid(index, word.map(String.init) ?? "a number above 2^63")
      }
      return word
    }
  }

  private func wholeNumbers<Word: FixedWidthInteger & BitwiseCopyable>(_: Word.Type) -> [Int?] {
    let size = MemoryLayout<Word>.size
    return bytes.withBytes { all in
      let source = UnsafeRawBufferPointer(rebasing: all[byteRange])
      return (0..<count).map { index in
        let word = source.loadUnaligned(fromByteOffset: index * size, as: Word.self)
        return Int(exactly: isBigEndian ? Word(bigEndian: word) : Word(littleEndian: word))
      }
    }
  }
}
