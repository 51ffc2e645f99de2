// The compiled dot products against their Swift twins, bit for bit: ScalarAccumulation for volume, the plain tier for truth.

import FloatingPointFormats
import RotaryAttention
import TestSupport
import Testing

@testable import EmulatedEngine

/// Operands of one format on which sums go wrong if they can.
private struct DotOperands {
  enum Kind: CaseIterable { case moderate, encodings, specials, cancelling, overflow }

  let format: FloatingPointFormat
  private let specials: [Double]
  private let top: [Double]
  private var generator: SeededGenerator

  init(_ format: FloatingPointFormat, seed: UInt64) {
    self.format = format
    let largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    let least = format.double(of: 1)
    specials = [
      0, -0.0, .infinity, -.infinity, .nan, largest, -largest, least, -least, exp2i(format.minimumExponent),
      1, -1,
    ].map { format.rounded($0) }
    // Near the top, and what is half a unit of it or a little less in many formats.
    top = [1, -1, largest, exp2i(min(format.maximumExponent, 15)), 16, 15.9375, 0x1p-8]
      .map { format.rounded($0) }
    generator = SeededGenerator(seed: seed)
  }

  private mutating func encoding() -> Double {
    format.double(of: generator.next() >> UInt64(64 - format.bitWidth))
  }

  private mutating func moderate() -> Double {
    let unit = Double(Int64(bitPattern: generator.next()) >> 11) * 0x1p-52
    return format.rounded(unit * exp2i(generator.below(9) - 4))
  }

  /// (count, channels) numbers; for `cancelling` and `overflow` every vector is made by halves.
  mutating func matrix(_ kind: Kind, count: Int, channels: Int) -> [Double] {
    var result: [Double] = []
    for _ in 0..<count {
      var vector = (0..<channels).map { _ -> Double in
        switch kind {
        case .moderate, .cancelling: moderate()
        case .encodings: encoding()
        case .specials: generator.below(3) == 0 ? specials[generator.below(specials.count)] : moderate()
        case .overflow:
          (top + [moderate()])[generator.below(8)]
        }
      }
      if kind == .cancelling {
        for channel in stride(from: 1, to: channels, by: 2) where generator.below(4) != 0 {
          vector[channel] = -vector[channel - 1]
        }
      }
      result += vector
    }
    return result
  }
}

private let operandFormats: [FloatingPointFormat] = [.bf16, .fp16, .fp32, .fp8E4M3FN, .tf32]

private func accumulators() throws -> [RoundingChain] {
  let spellings = [
    "p11e-14:15", "p5e-2:3-saturating", "p9e-14:15", "p15e-126:127", "p4e-3:2-noinfinity", "p30e-300:300",
  ]
  return try spellings.map { RoundingChain([try FloatingPointFormat(spelling: $0)]) } + [
    RoundingChain([.fp32]), RoundingChain([.bf16]), RoundingChain([.fp16]), RoundingChain([.tf32]),
    RoundingChain([.fp64]), RoundingChain([.fp8E5M2]), RoundingChain([.fp32, .bf16]),
    RoundingChain([.fp32, .fp16]), RoundingChain([.bf16, .fp16]), RoundingChain([.fp32, .fp32]),
    RoundingChain([.fp32.saturating]), RoundingChain([.fp32, .fp16.saturating]),
  ]
}

private let orders: [Recipe.Dot.Order] = [
  .sequential, .sequentialFused, .pairwise, .lanes(1), .lanes(64), .lanes(8, neighbours: 4),
  .lanes(4, isFused: true), .lanes(32, neighbours: 4, isFused: true), .blocks(1), .blocks(5), .blocks(16),
  .tensorCore(block: 4, alignmentBits: 0, rounding: .towardZero),
  .tensorCore(block: 16, alignmentBits: 2, rounding: .towardZero),
  .tensorCore(block: 7, alignmentBits: 12, rounding: .nearestEven),
]

private func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

@Suite struct DotKernelTests {
  /// Rows of twins: what a test compares.
  private struct Case {
    let dot: Recipe.Dot
    let plan: DotPlan
    let queries: [Double]
    let keys: [Double]
    let channels: Int

    init?(_ dot: Recipe.Dot, queries: [Double], keys: [Double], channels: Int) {
      guard let plan = DotPlan(dot) else { return nil }
      (self.dot, self.plan) = (dot, plan)
      (self.queries, self.keys, self.channels) = (queries, keys, channels)
    }

    /// The sums of all queries with the keys of a range, one way.
    func sums(_ range: Range<Int>, allowsVectors: Int32, padding: Int = 0) -> [Double] {
      let q = DotVectors(queries, side: .query, plan: plan, channels: channels)
      let k = DotVectors(keys, side: .key, plan: plan, channels: channels)
      let stride = range.count + padding
      var result = [Double](repeating: -7, count: q.count * stride)
      result.withUnsafeMutableBufferPointer {
        q.accumulate(
          plan, queries: 0..<q.count, keys: k, range: range, allowsVectors: allowsVectors, into: $0,
          stride: stride)
      }
      return result
    }

    func twin(_ query: Int, _ key: Int) -> Double {
      var accumulation = ScalarAccumulation(dot, ScalarArithmetic(dot.rounding), channels: channels)
      return queries.withUnsafeBufferPointer { q in
        keys.withUnsafeBufferPointer { k in
          accumulation.accumulate(
            q.baseAddress! + query * channels, k.baseAddress! + key * channels, channels: channels,
            StageCounter(.dot))
        }
      }
    }

    func plain(_ emulation: Emulation, _ query: Int, _ key: Int) throws -> Double {
      let q = queries[query * channels..<(query + 1) * channels].map(StageValue.number)
      let k = keys[key * channels..<(key + 1) * channels].map(StageValue.number)
      return try emulation.dot(q, k, ScorePlace()).binary64()
    }
  }

  private func emulation(_ dot: Recipe.Dot) throws -> Emulation {
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.dot = dot
    return try Emulation(
      recipe: recipe,
      embedding: RotaryEmbedding(headSize: 2, base: NumberLiteral(10000), layout: .halfSplit),
      scale: .inverseSquareRootOfHeadSize)
  }

  @Test(arguments: orders)
  func everyWayGivesThePlainTiersBits(order: Recipe.Dot.Order) throws {
    var sweep = Sweep()
    var seed: UInt64 = 1
    var plans = 0
    let isTensorCore = if case .tensorCore = order { true } else { false }
    for chain in try accumulators() {
      if isTensorCore, chain.formats.count > 1 || chain.formats[0].precision > 24 { continue }
      let dot = Recipe.Dot(order: order, rounding: chain)
      let emulation = try emulation(dot)
      for format in operandFormats {
        for channels in [1, 2, 3, 16, 31, 64, 80, 96, 127, 128, 256, 512] {
          seed += 1
          if !isExhaustive && seed % 7 > 0 { continue }
          var operands = DotOperands(format, seed: seed)
          let kind = DotOperands.Kind.allCases[Int(seed) % DotOperands.Kind.allCases.count]
          let (queries, keys) = channels < 20 ? (19, 37) : (2, 3)
          guard
            let test = Case(
              dot, queries: operands.matrix(kind, count: queries, channels: channels),
              keys: operands.matrix(kind, count: keys, channels: channels), channels: channels)
          else { continue }
          plans += 1
          let first = min(2, keys - 1)
          let ways = [Int32(0), 1, 2].map { test.sums(first..<keys, allowsVectors: $0, padding: Int($0)) }
          for query in 0..<queries {
            for key in first..<keys {
              func name(_ tier: String) -> String {
                "\(chain.summary), \(format.spelling) \(kind), d \(channels), query \(query), key \(key), seed \(seed), \(tier)"
              }
              let got = ways.indices.map { ways[$0][query * (keys - first + $0) + key - first] }
              sweep.check(same(got[0], got[1]) && same(got[0], got[2]), "\(name("ways")): \(got)")
              if channels < 20 && (query + key) % 5 != 0 { continue }
              let twin = test.twin(query, key)
              sweep.check(same(got[0], twin), "\(name("twin")): \(shown(twin)), got \(shown(got[0]))")
              if channels < 64 && (query + key) % 10 == 0 {
                let plain = try test.plain(emulation, query, key)
                sweep.check(same(got[0], plain), "\(name("plain")): \(shown(plain)), got \(shown(got[0]))")
              }
            }
          }
          for way in 0..<3 {
            // Places between rows stay as they were.
            for query in 0..<queries {
              for pad in 0..<way {
                sweep.check(ways[way][query * (keys - first + way) + keys - first + pad] == -7, "padding")
              }
            }
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 5000) && plans > 80, "\(order.spelling), \(plans) plans: \(sweep)")
  }

  /// Every encoding of a format against a few, in sums of one and of two products.
  @Test(arguments: [FloatingPointFormat.bf16, .fp16, .fp8E4M3FN, .fp8E5M2])
  func everyEncodingMultipliesAsThePlainTierSays(format: FloatingPointFormat) throws {
    let encodings: [Double] = (0..<UInt64(1) << UInt64(format.bitWidth)).map { format.double(of: $0) }
    var generator = SeededGenerator(seed: 5)
    var queries: [Double] = [format.rounded(-1.7), 1]
    for _ in 0..<(isExhaustive ? 64 : 0) { queries += [encodings[generator.below(encodings.count)], 1] }
    var keys: [Double] = []
    for (index, value) in encodings.enumerated() { keys += [value, encodings[index * 31 % 97]] }
    var sweep = Sweep()
    for formats in [[FloatingPointFormat.fp32], [.bf16], [.fp16], [.fp32, .bf16]] {
      let chain = RoundingChain(formats)
      for order in [Recipe.Dot.Order.sequential, .sequentialFused]
      where isExhaustive || (order == .sequential) == (formats.count == 1) {
        let test = try #require(
          Case(Recipe.Dot(order: order, rounding: chain), queries: queries, keys: keys, channels: 2))
        let ways = [Int32(0), 1, 2].map { test.sums(0..<encodings.count, allowsVectors: $0) }
        // All ways agree on every encoding; 16-bit ones in narrower accumulators meet the twin at every fifth.
        let step = isExhaustive || formats == [.fp32] || format.bitWidth <= 8 ? 1 : 5
        for place in ways[0].indices {
          let (query, key) = (place / encodings.count, place % encodings.count)
          sweep.check(
            same(ways[0][place], ways[1][place]) && same(ways[0][place], ways[2][place]),
            "\(order) \(chain.summary) \(queries[2 * query]) \(shown(encodings[key]))")
          guard place % step == 0 else { continue }
          let twin = test.twin(query, key)
          sweep.check(
            same(ways[1][place], twin),
            "\(order) \(chain.summary) \(queries[2 * query]) × \(shown(encodings[key])): \(shown(twin)), got \(shown(ways[1][place]))"
          )
        }
      }
    }
    #expect(sweep.passed(atLeast: encodings.count), "\(sweep)")
  }

  /// The tie above the largest number of an accumulator, and what is just below it.
  @Test(arguments: [FloatingPointFormat.bf16, .fp16, .fp32, .fp8E5M2])
  func aTieAtTheTopOverflows(format: FloatingPointFormat) throws {
    let half = exp2i(format.maximumExponent - format.precision)
    let largest = format.double(of: format.largestFiniteEncoding(isNegative: false))
    let below = half * 0.75
    for fused in [false, true] {
      let order: Recipe.Dot.Order = fused ? .sequentialFused : .sequential
      let test = try #require(
        Case(
          Recipe.Dot(order: order, rounding: RoundingChain([format])), queries: [1, 1, -1, -1],
          keys: [largest, half, largest, below], channels: 2))
      for way in [Int32(0), 1, 2] {
        #expect(
          test.sums(0..<2, allowsVectors: way) == [.infinity, largest, -.infinity, -largest],
          "\(format.spelling) \(order) way \(way)")
      }
    }
  }

  /// No queries or keys: nothing is read or written.
  @Test func emptyRangesAreLeftAlone() throws {
    let test = try #require(
      Case(
        Recipe.Dot(order: .sequential, rounding: RoundingChain([.fp32])), queries: [1, 2], keys: [3, 4],
        channels: 2))
    #expect(test.sums(1..<1, allowsVectors: 1) == [])
    let none = try #require(
      Case(
        Recipe.Dot(order: .sequential, rounding: RoundingChain([.fp32])), queries: [], keys: [], channels: 2))
    #expect(none.sums(0..<0, allowsVectors: 1) == [])
  }

  /// What the kernels leave to the plain tier.
  @Test func otherRoundingsAreNotPlanned() throws {
    let chains = [
      RoundingChain([.fp32], rounding: .towardZero), RoundingChain([.fp32], rounding: .stochastic(seed: 1)),
      RoundingChain([try FloatingPointFormat(spelling: "p9e-14:15-nosubnormals")]), .exact,
      RoundingChain([.fp64.saturating]), RoundingChain([.fp32, .bf16, .fp16]),
    ]
    for chain in chains {
      let dot = Recipe.Dot(order: chain.isExact ? .exact : .sequential, rounding: chain)
      #expect(DotPlan(dot) == nil, "\(chain.summary)")
    }
  }
}
