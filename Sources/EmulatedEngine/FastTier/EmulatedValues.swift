// The values of one key head as the product with the probabilities takes them.

import FloatingPointFormats

/// v after the input stage, rounded once more where the output stage says so; shared by the query heads of its group.
public final class EmulatedValues: Sendable {
  /// (tokens, d) row-major.
  let numbers: [Double]
  /// The same in binary32, where that holds every one of them.
  let singles: [Float]?
  let isFinite: Bool
  let size: Int
  /// The first token's index in the file.
  let firstToken: Int
  /// Number of tokens.
  public var count: Int { numbers.count / size }

  /// - Parameters:
  ///   - input: the values after the input stage, made with the side `value`.
  ///   - emulation: the recipe on its problem.
  ///   - layer: with `head` what makes random words distinct.
  ///   - head: the key head.
  public init(_ input: InputMatrix, emulation: Emulation, layer: Int, head: Int) {
    let size = emulation.embedding.headSize
    var values = input.values
    let chain = emulation.recipe.output?.valueOperand ?? .exact
    if !chain.isExact {
      func counter(_ index: Int) -> StageCounter {
        StageCounter(.valueOperand, input.firstToken + index / size, index % size, layer << 16 | head)
      }
      if let rounding = ArrayRoundingChain(chain) {
        values.withUnsafeMutableBufferPointer { rounding.round($0, columns: size, counter(0)) }
      } else {
        let arithmetic = ScalarArithmetic(chain)
        for index in values.indices { values[index] = arithmetic.round(values[index], counter(index)) }
      }
    }
    numbers = values
    isFinite = values.allSatisfy(\.isFinite)
    let singles = values.map(Float.init)
    let holdsAll = zip(singles, values).allSatisfy { Double($0) == $1 || $1.isNaN }
    self.singles = holdsAll ? singles : nil
    self.size = size
    firstToken = input.firstToken
  }

  /// The d operands of one token, counted from the first.
  public func operands(ofToken token: Int) -> [Double] { Array(numbers[token * size..<(token + 1) * size]) }
}
