// The q, k or v matrix of one head on its way through input, rotation and rotated.

import FloatingPointFormats

/// One head's vectors in the input format, and what the rounding did to them.
public struct InputMatrix: Sendable {
  /// (tokens, d) row-major.
  public var values: [Double]
  /// The first token's index in the file: random words are drawn by token.
  public let firstToken: Int
  /// Finite stored values above the format's range.
  public var overflowCount = 0
  /// Non-zero stored values below the format's normal range that were not exact.
  public var underflowCount = 0
  /// Non-zero stored values that became zero.
  public var flushedCount = 0

  /// Rounds a stored matrix once.
  ///
  /// - Parameter firstToken: where the matrix holds some rows of a longer one, the first row's token.
  public init(
    _ stored: [Double], emulation: Emulation, side: VectorPlace.Side, layer: Int, head: Int,
    firstToken: Int = 0
  ) {
    values = stored
    self.firstToken = firstToken
    let chain = emulation.recipe.input
    guard !chain.isExact else { return }
    let size = emulation.embedding.headSize
    if let rounding = ArrayRoundingChain(chain) {
      let first = VectorPlace(side, token: firstToken, layer: layer, head: head)
      let counts = values.withUnsafeMutableBufferPointer {
        rounding.roundCounting($0, columns: size, first.inputCounter(channel: 0))
      }
      (overflowCount, underflowCount) = (counts.overflowed, counts.underflowed)
      flushedCount = counts.flushed
      return
    }
    for index in stored.indices {
      let place = VectorPlace(side, token: firstToken + index / size, layer: layer, head: head)
      let counter = place.inputCounter(channel: index % size)
      var value = stored[index]
      var didOverflow = false
      var didUnderflow = false
      for (step, format) in chain.formats.enumerated() {
        let result = format.round(ExactValue(value), chain.rounding, counter: counter.step(0, format: step))
        value = format.double(of: result.encoding)
        didOverflow = didOverflow || result.overflowed
        didUnderflow = didUnderflow || result.underflowed
      }
      if didOverflow { overflowCount += 1 }
      if didUnderflow { underflowCount += 1 }
      if value == 0 && stored[index] != 0 { flushedCount += 1 }
      values[index] = value
    }
  }
}

/// One head's rotated vectors as they are stored.
enum RotatedMatrix: Sendable {
  /// (tokens, d) row-major.
  case numbers([Double])
  /// (tokens)(d), of which some are exact reals.
  case values([[StageValue]])
  /// Not rotated: the certified tier does that.
  case unrotated([Double])
  /// Rotated, and kept only in the form that a kernel reads.
  case packed
}

extension Emulation {
  /// The dot product's operands of a matrix whose token t stands in row t + firstRow of the table.
  func rotatedMatrix(
    _ input: InputMatrix, table: RotaryTable, firstRow: Int, side: VectorPlace.Side, layer: Int, head: Int
  ) throws -> RotatedMatrix {
    let stored = try storedMatrix(
      input, table: table, firstRow: firstRow, side: side, layer: layer, head: head)
    let isScaled = recipe.logit.scalesOperand(of: side)
    let chain = recipe.dot.operand(of: side)
    if !isScaled && chain.isExact { return stored }
    func place(_ token: Int) -> VectorPlace {
      VectorPlace(side, token: input.firstToken + token, layer: layer, head: head)
    }
    switch stored {
    case .numbers(let values):
      if let numbers = scaledOperands(values, side: side, place) { return .numbers(numbers) }
      let size = embedding.headSize
      return Self.matrix(
        try (0..<values.count / size).map { token in
          try operands(values[token * size..<(token + 1) * size].map(StageValue.number), place(token))
        })
    case .values(let rows):
      return Self.matrix(try rows.enumerated().map { try operands($1, place($0)) })
    case .unrotated, .packed: return stored
    }
  }

  /// The operands of stored numbers; the fast twin of the plain tier's `operands`. Nil where some stay exact.
  private func scaledOperands(
    _ values: [Double], side: VectorPlace.Side, _ place: (Int) -> VectorPlace
  ) -> [Double]? {
    var factor: Double?
    var scaling: ScalarArithmetic?
    if recipe.logit.scalesOperand(of: side) {
      guard case .number(let number) = scaleFactor, !recipe.logit.scaledOperand.isExact else { return nil }
      factor = number
      scaling = ScalarArithmetic(recipe.logit.scaledOperand)
    }
    let chain = recipe.dot.operand(of: side)
    let rounding = chain.isExact ? nil : ScalarArithmetic(chain)
    let size = embedding.headSize
    return values.enumerated().map { index, value in
      let place = place(index / size)
      var result = value
      if let factor, let scaling {
        result = scaling.product(
          result, factor, place.counter(.scaledQuery, .scaledKey, channel: index % size))
      }
      return rounding?.round(result, place.counter(.queryOperand, .keyOperand, channel: index % size))
        ?? result
    }
  }

  /// Numbers where all are, else rows of values.
  private static func matrix(_ rows: [[StageValue]]) -> RotatedMatrix {
    let numbers = rows.flatMap { $0.compactMap { if case .number(let x) = $0 { x } else { nil } } }
    return numbers.count == rows.reduce(0, { $0 + $1.count }) ? .numbers(numbers) : .values(rows)
  }

  /// The stored rotated vectors, before what the dot product does to its operands.
  func storedMatrix(
    _ input: InputMatrix, table: RotaryTable, firstRow: Int, side: VectorPlace.Side, layer: Int, head: Int
  ) throws -> RotatedMatrix {
    switch table.storage {
    case .exact: return .unrotated(input.values)
    case .values(let entries):
      return try plainRotation(input, side: side, layer: layer, head: head) { entries[$0 + firstRow] }
    case .numbers(let cosine, let sine):
      let pairs = embedding.pairCount
      if recipe.rotation.rounding.isExact {
        return try plainRotation(input, side: side, layer: layer, head: head) { token in
          (0..<pairs).map { pair in
            let c = StageValue.number(cosine[(token + firstRow) * pairs + pair])
            let s = StageValue.number(sine[(token + firstRow) * pairs + pair])
            return TableEntry(angle: .number(.nan), trigCosine: c, trigSine: s, cosine: c, sine: s)
          }
        }
      }
      return .numbers(
        fastRotation(
          input, cosine: cosine, sine: sine, firstRow: firstRow, side: side, layer: layer, head: head))
    }
  }

  private func plainRotation(
    _ input: InputMatrix, side: VectorPlace.Side, layer: Int, head: Int, entries: (Int) -> [TableEntry]
  ) throws -> RotatedMatrix {
    let size = embedding.headSize
    let matrix = input.values
    let rows = try (0..<matrix.count / size).map { token in
      let place = VectorPlace(side, token: input.firstToken + token, layer: layer, head: head)
      let vector = matrix[token * size..<(token + 1) * size].map(StageValue.number)
      return try rotated(rotation(vector, table: entries(token), place), place)
    }
    return Self.matrix(rows)
  }

  private func fastRotation(
    _ input: InputMatrix, cosine: [Double], sine: [Double], firstRow: Int, side: VectorPlace.Side, layer: Int,
    head: Int
  ) -> [Double] {
    let matrix = input.values
    func places(_ token: Int) -> VectorPlace {
      VectorPlace(side, token: input.firstToken + token, layer: layer, head: head)
    }
    guard let plan = RotationPlan(recipe, embedding) else {
      var result = matrix
      rotate(
        0..<matrix.count / embedding.headSize, of: matrix, cosine: cosine, sine: sine, firstRow: firstRow,
        places, into: &result)
      return result
    }
    var (result, left) = plan.rotate(matrix, cosine: cosine, sine: sine, firstRow: firstRow)
    rotate(left, of: matrix, cosine: cosine, sine: sine, firstRow: firstRow, places, into: &result)
    return result
  }

  /// The rotation and rotated stages of some tokens of a (tokens, d) matrix, one number at a time; the twin of the compiled kernel.
  func rotate(
    _ tokens: some Sequence<Int>, of matrix: [Double], cosine: [Double], sine: [Double], firstRow: Int,
    _ places: (Int) -> VectorPlace, into result: inout [Double]
  ) {
    let size = embedding.headSize
    let pairs = embedding.pairCount
    let arithmetic = ScalarArithmetic(recipe.rotation.rounding)
    let storing = recipe.rotated.isExact ? nil : ScalarArithmetic(recipe.rotated)
    let algorithm = recipe.rotation.algorithm
    let products = (
      first: algorithm.rounded(inSecondComponent: false), second: algorithm.rounded(inSecondComponent: true)
    )
    for token in tokens {
      let place = places(token)
      result.replaceSubrange(
        token * size..<(token + 1) * size, with: matrix[token * size..<(token + 1) * size])
      for pair in 0..<pairs {
        let (a, b) = embedding.layout.channels(ofPair: pair, rotarySize: embedding.rotarySize)
        let (x, y) = (matrix[token * size + a], matrix[token * size + b])
        let index = (token + firstRow) * pairs + pair
        let (c, s) = (cosine[index], sine[index])
        result[token * size + a] = productSum(
          arithmetic, products.first, x, c, sign: -1, y, s,
          place.counter(.queryRotation, .keyRotation, channel: a))
        result[token * size + b] = productSum(
          arithmetic, products.second, x, s, sign: 1, y, c,
          place.counter(.queryRotation, .keyRotation, channel: b))
      }
      guard let storing else { continue }
      for channel in 0..<size {
        result[token * size + channel] = storing.round(
          result[token * size + channel], place.counter(.rotatedQuery, .rotatedKey, channel: channel))
      }
    }
  }

  /// a·b + sign·c·d with the products that are rounded; the fast twin of the plain tier's function of this name.
  @inline(__always) private func productSum(
    _ arithmetic: ScalarArithmetic, _ products: RoundedProducts, _ a: Double, _ b: Double, sign: Double,
    _ c: Double, _ d: Double,
    _ counter: @autoclosure () -> StageCounter
  ) -> Double {
    switch products {
    case .both:
      return arithmetic.sum(
        arithmetic.product(a, b, counter(), step: 0), sign * arithmetic.product(c, d, counter(), step: 1),
        counter(), step: 2)
    case .second:
      return arithmetic.fusedProductSum(
        a, b, sign * arithmetic.product(c, d, counter(), step: 1), counter(), step: 2)
    case .first:
      return arithmetic.fusedProductSum(
        c, sign * d, arithmetic.product(a, b, counter(), step: 0), counter(), step: 2)
    case .neither:
      let chain = recipe.rotation.rounding
      let exact = ExactValue.sumOfProducts(a, b, c, sign * d, chain.rounding)
      return chain.round(exact, counter(), step: 2)
    }
  }
}
