// What every kind of input has to be able to do: files and generators are read through this.

/// Where an input's heads come from.
protocol AttentionHeadSource: Sendable {
  /// Fills `destination` with rows of one head, row-major [tokens.count, head size]. The tensor, the head and the rows are there.
  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Double>
  ) throws

  /// The same in binary32, for elements that are binary32 numbers.
  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws

  /// See ``AttentionInput/identity()``.
  func identity() throws -> String

  /// See ``AttentionInput/otherTensor(named:)``.
  func otherTensor(named name: String) -> MappedTensor?
}

extension AttentionHeadSource {
  /// A source without files has none.
  func otherTensor(named name: String) -> MappedTensor? { nil }

  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let count = tokens.count * layer.headSize
    try withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, count)) { wide in
      wide.initialize(repeating: 0)
      try read(
        tensor, layer, head: head, tokens: tokens,
        into: UnsafeMutableBufferPointer(rebasing: wide[..<count]))
      for index in 0..<count { destination[index] = Float(wide[index]) }
    }
  }
}
