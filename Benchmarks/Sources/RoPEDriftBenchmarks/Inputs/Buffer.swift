// Memory for inputs and results, written once before timing so that no page is new while a clock runs.

/// Elements at one place for as long as the value lives.
final class Buffer<Element: BitwiseCopyable> {
  /// The first element.
  let base: UnsafeMutablePointer<Element>
  /// How many there are.
  let count: Int

  /// All elements equal to `value`; aligned to a cache line.
  init(_ count: Int, repeating value: Element) {
    self.count = count
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64)
    base = memory.initializeMemory(as: Element.self, repeating: value, count: max(count, 1))
  }

  /// The elements of an array.
  convenience init(_ elements: [Element], zero: Element) {
    self.init(elements.count, repeating: zero)
    for (index, element) in elements.enumerated() { base[index] = element }
  }

  deinit { base.deallocate() }

  /// The elements.
  var all: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }
}
