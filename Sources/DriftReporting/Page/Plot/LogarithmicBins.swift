// Keys and distances in bins that get wider as they get larger: a picture of 131072 tokens holds as much as can be seen.

/// Bins of the numbers 0, 1, 2, …: each of the first fifteen alone, then eight to every doubling of number + 1.
enum LogarithmicBins {
  /// The number of the bin that holds `number`.
  ///
  /// With m = number + 1 = 2^e + …, e ≥ 4, the octave [2^e, 2^(e+1)) is cut into eight parts of 2^(e−3) numbers. Integers only.
  static func bin(of number: Int) -> Int {
    let m = number + 1
    guard m >= 16 else { return number }
    let exponent = Int.bitWidth - 1 - m.leadingZeroBitCount
    return 15 + (exponent - 4) * 8 + (m - 1 << exponent) >> (exponent - 3)
  }

  /// Runs of equal bins in ascending numbers, as ranges of their indices.
  static func runs(of numbers: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    for index in numbers.indices
    where index + 1 == numbers.count || bin(of: numbers[index]) != bin(of: numbers[index + 1]) {
      runs.append(start..<index + 1)
      start = index + 1
    }
    return runs
  }

  /// What captions say of them.
  static let explanation =
    "the first fifteen stand alone, larger ones in bins, eight to each doubling"
}
