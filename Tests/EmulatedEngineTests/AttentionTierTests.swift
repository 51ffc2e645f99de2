// Softmax and output stages: the fast tier against the plain tier, row by row and from rotated vectors on.

@testable import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import TestSupport
import Testing

/// Recipes that reach every way of the softmax and output stages.
func attentionRecipes() throws -> [Recipe] {
  var recipes: [Recipe] = []
  for part in RecipePart.attention where part.refusal == nil {
    for type in part.types {
      recipes.append(try RecipeRegistry.composed(rotary: "meta-llama", attention: part.name, type: type))
    }
  }
  recipes += RecipeRegistry.all
  func vary(_ base: String, _ name: String, _ change: (inout Recipe) -> Void) throws {
    var recipe = try RecipeRegistry.named(base)
    recipe.name = name
    // Tiles so short that a row has several.
    if case .online(_, let order)? = recipe.softmax?.algorithm {
      let isDiagonal = if case .diagonalFirst = order { true } else { false }
      recipe.softmax?.algorithm = .online(
        tile: Recipe.Softmax.TileSize(4), order: isDiagonal ? .diagonalFirst(block: 8) : order)
    }
    change(&recipe)
    recipes.append(recipe)
  }
  let (full, online, flex) = (
    "meta-llama/hf-eager/bf16", "meta-llama/flash-attn-2/bf16", "meta-llama/flex/fp16"
  )
  for order in Recipe.Dot.Order.samples where order != .exact {
    try vary(full, "output \(order)") { $0.output?.order = order }
    if order != .pairwise { try vary(online, "online output \(order)") { $0.output?.order = order } }
    switch order {
    case .tensorCore: break
    default:
      try vary(full, "output fp16 \(order)") { $0.output?.accumulator = RoundingChain([.fp16]) }
      try vary(full, "output fp64 \(order)") { $0.output?.accumulator = RoundingChain([.fp64]) }
    }
    switch order {
    case .sequential, .pairwise, .lanes(_, _, false), .blocks:
      try vary(full, "sum \(order)") {
        $0.softmax?.sum.order = order
        $0.softmax?.sum.laneWidth = 1
      }
      for tiles in Recipe.Softmax.Sum.Tiles.allCases where order != .pairwise || tiles != .running {
        try vary(flex, "sum \(order) \(tiles)") {
          $0.softmax?.sum = Recipe.Softmax.Sum(
            order: order, laneWidth: 1, tiles: tiles, rounding: RoundingChain([.fp16]))
        }
      }
    default: break
    }
  }
  for format in [FloatingPointFormat.fp64, .fp16, .bf16, .fp8E4M3FN] {
    for base in [full, online, flex] {
      try vary(base, "\(base) in \(format.spelling)") {
        $0.softmax?.rounding = RoundingChain([format])
        $0.softmax?.difference = RoundingChain([format])
        let isBaseE = $0.softmax?.exponential == .exp
        $0.softmax?.exponent = isBaseE ? .exact : RoundingChain([format])
        $0.softmax?.sum.rounding = RoundingChain([.fp32, format])
        $0.output?.accumulator = RoundingChain([format])
      }
    }
  }
  try vary(online, "tiles of 3") {
    $0.softmax?.algorithm = .online(tile: Recipe.Softmax.TileSize(3), order: .ascending)
  }
  try vary(online, "tiles of 5, diagonal first") {
    $0.softmax?.algorithm = .online(tile: Recipe.Softmax.TileSize(5), order: .diagonalFirst(block: 10))
  }
  for rounding in [Rounding.towardZero, .up, .stochastic(seed: 5)] {
    for base in [full, online] {
      try vary(base, "\(base) \(rounding)") {
        $0.softmax?.rounding.rounding = rounding
        $0.softmax?.sum.rounding.rounding = rounding
        $0.probability.rounding = rounding
        $0.output?.accumulator.rounding = rounding
        $0.output?.rounding.rounding = rounding
        $0.output?.valueOperand = RoundingChain([.fp8E4M3FN], rounding: rounding)
      }
    }
  }
  try vary(full, "softmax exact") {
    $0.softmax?.difference = .exact
    $0.softmax?.rounding = .exact
    $0.softmax?.sum.order = .exact
    $0.softmax?.sum.rounding = .exact
    $0.softmax?.normalization?.rounding = .exact
    $0.probability = .exact
    $0.output = nil
  }
  try vary(online, "softcap before the scale") {
    $0.logit.softcap = Recipe.Logit.Softcap(algorithm: .insteadOfScale, rounding: RoundingChain([.fp32]))
  }
  try vary(online, "scores of an exact dot product") { $0.dot = Recipe.Dot(order: .exact, rounding: .exact) }
  return recipes
}

@Suite struct AttentionTierTests {
  private func same(_ a: Double, _ b: Double) -> Bool { a.bitPattern == b.bitPattern || a.isNaN && b.isNaN }

  /// Rows of every length up to 40 keys, some not ordinary.
  @Test func rowsAreThoseOfThePlainTier() throws {
    let (size, tokens) = (4, 41)
    var sweep = Sweep()
    for recipe in try attentionRecipes() {
      let emulation = try emulation(recipe, size: size)
      let rows = RowAttention(emulation)
      var generator = SeededGenerator(seed: 11)
      let isSlow = recipe.name == "softmax exact"
      for count in isSlow ? [0, 3] : isExhaustive ? [0, 1, 2, 5, 17, 40] : [0, 15] {
        for kind in 0..<(isSlow ? 1 : 4) {
          var stored = (0..<tokens * size).map { _ in Double(Float(generator.below(2001) - 1000) * 0.0137) }
          var inputs = (0..<count).map { _ in Double(Float(generator.below(4001) - 2000) * 0.00731) }
          if kind == 1, count > 0 { inputs[generator.below(count)] = -.infinity }
          if kind == 2, count > 1 { for index in 0..<count / 2 { inputs[index] = -.infinity } }
          if kind == 3, count > 0 {
            inputs[generator.below(count)] = [.nan, .infinity, 300, -1e5][generator.below(4)]
            stored[generator.below(tokens * size)] = [.infinity, .nan, -1e30][generator.below(3)]
          }
          let values = EmulatedValues(
            InputMatrix(stored, emulation: emulation, side: .value, layer: 1, head: 0), emulation: emulation,
            layer: 1, head: 0)
          let first = generator.below(2) * (tokens - 1 - count) / 2
          let keys = first..<first + count
          let place = ScorePlace(query: 40, key: 0, layer: 1, head: 2)
          let plain = try emulation.attentionRow(
            inputs, keys: keys, values: keys.map { values.operands(ofToken: $0) }, place: place)
          var probabilities = [Double](repeating: 7, count: count + 1)
          var output = [Double](repeating: 7, count: size)
          try inputs.withUnsafeBufferPointer { inputs in
            try probabilities.withUnsafeMutableBufferPointer { probabilities in
              try output.withUnsafeMutableBufferPointer {
                try rows.row(
                  inputs, keys: keys, values: values, place: place, probabilities: probabilities, output: $0)
              }
            }
          }
          let expected = try plain.output.map { try $0.binary64() }
          sweep.check(
            zip(plain.probabilities, probabilities).allSatisfy(same) && probabilities[count] == 7
              && zip(expected, output).allSatisfy(same),
            "\(recipe.name) keys \(keys) kind \(kind): plain \(plain.probabilities.prefix(6)) \(expected), fast \(probabilities.prefix(6)) \(output)"
          )
        }
      }
    }
    #expect(sweep.passed(atLeast: 1000), "\(sweep)")
  }

  /// From stored vectors on: what the fast tier gives is the plain tier's row on the plain tier's scores.
  @Test(arguments: [nil, "2.5"]) func headsAreThoseOfThePlainTier(cap: String?) throws {
    let (size, tokens) = (4, isExhaustive ? 21 : 9)
    let q = seededMatrix(tokens: 5, size: size, seed: 21, specials: false)
    let k = seededMatrix(tokens: tokens, size: size, seed: 22, specials: false)
    let v = seededMatrix(tokens: tokens, size: size, seed: 23, specials: false)
    let positions = try TokenPositions(tokens: tokens, shift: 1_000_003)
    for recipe in try attentionRecipes() where recipe.softmax?.difference.isExact != true {
      if cap != nil, recipe.logit.softcap == nil { continue }
      let emulation = try emulation(recipe, size: size, softcap: cap.map { try NumberLiteral($0) })
      let table = try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0]
      let keys = try EmulatedKeys(
        InputMatrix(k, emulation: emulation, side: .key, layer: 2, head: 1), emulation: emulation,
        table: table, layer: 2, head: 1)
      let head = try EmulatedHead(
        InputMatrix(q, emulation: emulation, side: .query, layer: 2, head: 3), keys: keys,
        emulation: emulation, table: table, firstRow: tokens - 5, layer: 2, head: 3)
      let values = EmulatedValues(
        InputMatrix(v, emulation: emulation, side: .value, layer: 2, head: 1), emulation: emulation, layer: 2,
        head: 1)
      let ranges = [0..<tokens - 4, 0..<tokens - 3, 3..<tokens - 2, 0..<0, 0..<tokens]
      var probabilities = [Double](repeating: 7, count: 5 * tokens)
      var outputs = [Double](repeating: 7, count: 5 * size)
      try probabilities.withUnsafeMutableBufferPointer { probabilities in
        try outputs.withUnsafeMutableBufferPointer {
          try head.attention(
            queries: 0..<5, keys: ranges, values: values, probabilities: probabilities, stride: tokens,
            outputs: $0)
        }
      }
      let readsScores = recipe.softmax?.readsScores(recipe.logit) == true
      for (query, range) in ranges.enumerated() {
        let inputs = try range.map { key in
          let score = try emulation.score(
            query: Array(q[query * size..<(query + 1) * size]), key: Array(k[key * size..<(key + 1) * size]),
            queryPosition: positions.position(ofToken: tokens - 5 + query),
            keyPosition: positions.position(ofToken: key),
            queryPlace: VectorPlace(.query, token: query, layer: 2, head: 3),
            keyPlace: VectorPlace(.key, token: key, layer: 2, head: 1),
            pair: ScorePlace(query: query, key: key, layer: 2, head: 3))
          guard readsScores else { return try score.logit.binary64() }
          let place = ScorePlace(query: query, key: key, layer: 2, head: 3)
          return try emulation.cappedScore(score.storedScore, place.counter(.logit)).binary64()
        }
        let row = try emulation.attentionRow(
          inputs, keys: range, values: range.map { values.operands(ofToken: $0) },
          place: ScorePlace(query: query, key: 0, layer: 2, head: 3))
        let found = probabilities[query * tokens..<query * tokens + range.count]
        #expect(zip(row.probabilities, found).allSatisfy(same), "\(recipe.name) query \(query)")
        let output = outputs[query * size..<(query + 1) * size]
        #expect(
          try zip(row.output, output).allSatisfy { same(try $0.binary64(), $1) },
          "\(recipe.name) query \(query)")
      }
    }
  }
}
