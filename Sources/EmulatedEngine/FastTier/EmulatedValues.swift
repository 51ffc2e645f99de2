// The values of one key head as the product with the probabilities takes them.

import FloatingPointFormats

/// v after the input stage, rounded once more where the output stage says so; shared by the query heads of its group.
public final class EmulatedValues: Sendable {
  /// (tokens, d) row-major.
  let numbers: [Double]
  /// The same in binary32, where that holds every one of them.
  let singles: [Float]?
  let isFinite: Bool
  /// What is known of those of ``singles`` that are finite and not zero; nil where there are no singles.
  let singleRange: SingleRange?
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
    singleRange = holdsAll ? SingleRange(singles) : nil
    self.size = size
    firstToken = input.firstToken
  }

  /// The d operands of one token, counted from the first.
  public func operands(ofToken token: Int) -> [Double] { Array(numbers[token * size..<(token + 1) * size]) }
}

/// Which binary32 numbers some numbers are: none of them has more than `width` significant bits, all are multiples of 2^lowest, and none
/// reaches 2^(highest + 1).
struct SingleRange: Sendable, Equatable {
  var width = 0
  var lowest = Int.max
  var highest = Int.min

  /// Of the finite ones among some numbers; zeros count for nothing.
  init(_ numbers: [Float]) {
    for number in numbers {
      let bits = number.bitPattern & 0x7fff_ffff
      let exponent = Int(bits >> 23)
      guard bits != 0, exponent != 255 else { continue }
      let significand = exponent == 0 ? bits : bits & 0x7f_ffff | 0x80_0000
      let zeros = significand.trailingZeroBitCount
      let unit = max(exponent, 1) - 150
      width = max(width, 32 - significand.leadingZeroBitCount - zeros)
      lowest = min(lowest, unit + zeros)
      highest = max(highest, unit + 31 - significand.leadingZeroBitCount)
    }
  }
}
