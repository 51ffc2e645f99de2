// The generators. Every number is a function of (seed, layer, tensor, head, token, channel) by way of Philox [Salmon2011], and is
// made from integers with additions and multiplications that binary64 does exactly: no library function, whose last bit
// could differ between machines, decides a byte.

import FloatingPointFormats

extension SyntheticInput: AttentionHeadSource {
  /// Streams of random words that never share a counter.
  private enum Stream: UInt32 {
    case query, key, value, sinkDirection, cancellationSign
  }

  /// Four words of a stream.
  private func word(_ stream: Stream, _ call: UInt32, _ layer: Int, _ head: Int, _ element: Int) -> SIMD4<
    UInt32
  > {
    Philox.words(
      counter: SIMD4(UInt32(element), stream.rawValue << 8 | call, UInt32(head), UInt32(layer)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// A variate of mean 0 and variance 1 (to 2^-64): the sum of twelve uniform ones less 6, nearly normal within ±6
  /// (Irwin–Hall). A multiple of 2^-32 below 2^3, exact in binary64; in wider formats than binary32 its low bits are zero.
  private func normal(_ stream: Stream, _ layer: Int, _ head: Int, _ element: Int) -> Double {
    var sum: Int64 = 0
    for call in UInt32(0)..<3 {
      let words = word(stream, call, layer, head, element)
      sum += Int64(words[0]) + Int64(words[1]) + Int64(words[2]) + Int64(words[3])
    }
    // Each word stands for (w + 1/2)/2^32: the sum of twelve has 6 units of 2^-32 more.
    return Double(sum + 6 - 6 << 32) * 0x1p-32
  }

  /// The channels of pair i; beyond the rotated channels, neighbours. Nil for the second where none is left.
  private func channels(ofPair pair: Int) -> (first: Int, second: Int?) {
    let rotated = rotarySize / 2
    if pair < rotated { return layout == "interleaved" ? (2 * pair, 2 * pair + 1) : (pair, pair + rotated) }
    let first = rotarySize + 2 * (pair - rotated)
    return (first, first + 1 < headSize ? first + 1 : nil)
  }

  func read(
    _ tensor: AttentionTensor, _ layer: AttentionLayer, head: Int, tokens rows: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Double>
  ) throws {
    let stream: Stream =
      switch tensor {
      case .query: .query
      case .key: .key
      case .value: .value
      }
    let kvHead = tensor == .query ? layer.kvHead(ofQueryHead: head) : head
    let firstToken = tokens - layer.tokens(of: tensor)
    let format = elementType.format!
    let direction = kind == .sink ? sinkDirection(layer.index, kvHead) : []
    for row in rows {
      let token = firstToken + row
      let start = (row - rows.lowerBound) * headSize
      if kind == .cancellation, tensor == .query {
        let cells = UnsafeMutableBufferPointer(rebasing: destination[start..<start + headSize])
        cancellingQuery(layer.index, head: head, kvHead: kvHead, token: token, into: cells)
        for channel in 0..<headSize { cells[channel] = format.rounded(cells[channel]) }
        continue
      }
      for channel in 0..<headSize {
        var value = normal(stream, layer.index, head, token * headSize + channel)
        if kind == .sink {
          if tensor == .query { value += direction[channel] }
          if tensor == .key, token == 0 { value = Double(strength) * direction[channel] }
        }
        destination[start + channel] = format.rounded(value)
      }
    }
  }

  /// ±1 in both channels of the slowest quarter of the pairs, 0 elsewhere, one direction for each key head.
  ///
  /// Slow pairs turn little with distance, so that a query's lean stays along key 0 far away. The expected score of key 0 at
  /// small distances is strength·(channels in the direction), before scaling; that of any other key is 0.
  private func sinkDirection(_ layer: Int, _ kvHead: Int) -> [Double] {
    var direction = [Double](repeating: 0, count: headSize)
    let pairs = rotarySize / 2
    for pair in pairs - (pairs + 3) / 4..<pairs {
      let (first, second) = channels(ofPair: pair)
      let words = word(.sinkDirection, 0, layer, kvHead, pair)
      direction[first] = words[0] & 1 == 0 ? 1 : -1
      if let second { direction[second] = words[1] & 1 == 0 ? 1 : -1 }
    }
    return direction
  }

  /// The query that cancels against the key of its own token. Pair i of the stored key is (x, y); the query's is
  /// ±2^s·(y, −x), s = ⌈bits/2⌉, whose product with it is exactly 0 while each term is 2^s·|xy|. The slowest rotated pair
  /// alone differs: (2^(s−bits)·g, 0) with a normal g. So q·k = 2^(s−bits)·g·x at equal positions, exactly, from terms that
  /// are about 2^bits larger, and rounding in the rotation or in the sum shows at once. A last channel without partner is 0.
  private func cancellingQuery(
    _ layer: Int, head: Int, kvHead: Int, token: Int, into query: UnsafeMutableBufferPointer<Double>
  ) {
    let format = elementType.format!
    func key(_ channel: Int) -> Double {
      format.rounded(normal(.key, layer, kvHead, token * headSize + channel))
    }
    let exponent = (bits + 1) / 2
    let large = Double(sign: .plus, exponent: exponent, significand: 1)
    let small = Double(sign: .plus, exponent: exponent - bits, significand: 1)
    let rotated = rotarySize / 2
    for pair in 0..<rotated + (headSize - rotarySize + 1) / 2 {
      let (first, second) = channels(ofPair: pair)
      guard let second else {
        query[first] = 0
        continue
      }
      if pair == rotated - 1 {
        query[first] = small * normal(.query, layer, head, token * headSize + first)
        query[second] = 0
        continue
      }
      let flips = word(.cancellationSign, 0, layer, head, token * headSize + first)[0] & 1 == 1
      let factor = flips ? -large : large
      query[first] = factor * key(second)
      query[second] = -factor * key(first)
    }
  }

  func identity() throws -> String {
    var hash = SHA256()
    hash.update(spelling + "\n")
    let input = try attentionInput()
    let encoder = ElementEncoder(elementType)!
    for layer in input.layerShapes {
      for tensor in AttentionTensor.allCases {
        for head in 0..<layer.heads(of: tensor) {
          hash.update(encoder.encode(try input.read(tensor, layer: layer.index, head: head)))
        }
      }
    }
    return hash.hexDigest()
  }
}
