// A few keys against many queries: the logits of whole heads, bit for bit, whichever way they go.

import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite("Columns of single keys") struct EmulatedColumnTests {
  private struct Problem {
    var size: Int
    var rotary: Int
    var layout: RotaryLayout
    var queries: Int
    var specials: Bool

    /// Vectors of a format, made once for all recipes.
    func stored(_ format: FloatingPointFormat) -> StoredRows {
      func rows(_ tokens: Int, _ seed: UInt64) -> [Double] {
        seededMatrix(tokens: tokens, size: size, seed: seed, specials: specials).map { format.rounded($0) }
      }
      return StoredRows(
        queries: rows(queries, 1), keys: keyRanges.map { rows($0.count, UInt64($0.lowerBound + 2)) })
    }
  }

  private struct StoredRows {
    let queries: [Double]
    let keys: [[Double]]
  }

  private static let keyRanges = [0..<1, 5..<8]

  private static let problems = [
    Problem(size: 10, rotary: 10, layout: .halfSplit, queries: 33, specials: false),
    Problem(size: 7, rotary: 4, layout: .interleaved, queries: 65, specials: true),
    Problem(size: 40, rotary: 6, layout: .halfSplit, queries: 32, specials: false),
    Problem(size: 2, rotary: 2, layout: .interleaved, queries: 1, specials: true),
  ]

  /// One recipe's columns and heads on a problem: what they disagree on goes into the sweep.
  private func compare(
    _ recipe: Recipe, _ problem: Problem, _ stored: StoredRows, format: FloatingPointFormat,
    _ sweep: inout Sweep
  ) throws -> (computed: Bool, inPanels: Bool) {
    let embedding = try RotaryEmbedding(
      headSize: problem.size, rotarySize: problem.rotary, base: NumberLiteral(10000), layout: problem.layout)
    let emulation = try Emulation(recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    let queries = stored.queries
    let parts = try zip(Self.keyRanges, stored.keys).map { range, keys in
      (
        matrix: InputMatrix(
          keys, emulation: emulation, side: .key, layer: 1, head: 2, firstToken: range.lowerBound),
        table: try RotaryTable.tables(
          for: [emulation], positions: TokenPositions(tokens: range.count, shift: 9 + range.lowerBound),
          threads: 1)[0]
      )
    }
    guard let columns = try EmulatedColumns(parts, emulation: emulation, layer: 1, head: 2) else {
      return (false, false)
    }
    // The queries' rows begin in the middle of a table.
    let (firstQuery, firstRow) = (100, 3)
    let table = try RotaryTable.tables(
      for: [emulation],
      positions: TokenPositions(tokens: problem.queries + 5, shift: 9 + firstQuery - firstRow), threads: 1)[0]
    let head = InputMatrix(
      queries, emulation: emulation, side: .query, layer: 1, head: 3, firstToken: firstQuery)
    var expected: [Double] = []
    for part in parts {
      let keys = try EmulatedKeys(part.matrix, emulation: emulation, table: part.table, layer: 1, head: 2)
      let emulated = try EmulatedHead(
        head, keys: keys, emulation: emulation, table: table, firstRow: firstRow, layer: 1, head: 3)
      let count = part.matrix.values.count / problem.size
      var rows = [Double](repeating: 0, count: count * problem.queries)
      try rows.withUnsafeMutableBufferPointer { rows in
        for query in 0..<problem.queries {
          try emulated.logits(
            query: query, keys: 0..<count,
            into: UnsafeMutableBufferPointer(rebasing: rows[query * count..<(query + 1) * count]))
        }
      }
      expected += (0..<count).flatMap { key in (0..<problem.queries).map { rows[$0 * count + key] } }
    }
    let panels = TablePanels(table, rows: firstRow..<firstRow + problem.queries, emulation: emulation)
    for rowsInBinary32 in [true, false] {
      for path in [KernelPath.automatic, .scalar] {
        let input = ColumnQueries(
          emulation, count: problem.queries, format: format,
          rows: rowsInBinary32 && format.isSubset(of: .fp32) ? queries.map { Float($0) } : nil,
          stored: { queries },
          layer: 1, head: 3, firstQuery: firstQuery)
        let found = try #require(
          try columns.logits(
            of: input, table: table, panels: panels, firstRow: firstRow, layer: 1, head: 3, path: path))
        sweep.check(found.count == expected.count, "\(recipe.name): \(found.count) logits")
        for (index, (a, b)) in zip(expected, found).enumerated() {
          sweep.check(
            a.bitPattern == b.bitPattern || a.isNaN && b.isNaN,
            "\(recipe.name) d \(problem.size) \(format.spelling) \(path) at \(index): \(shown(a)), got \(shown(b))"
          )
        }
      }
    }
    return (true, columns.readsPanels && panels != nil)
  }

  @Test("logits are those of whole heads, for every recipe", arguments: [FloatingPointFormat.fp32, .bf16])
  func areThoseOfHeads(format: FloatingPointFormat) throws {
    var sweep = Sweep()
    var (computed, inPanels) = (0, 0)
    let recipes = try tierRecipes()
    for problem in Self.problems {
      let stored = problem.stored(format)
      for recipe in recipes {
        let way = try compare(recipe, problem, stored, format: format, &sweep)
        computed += way.computed ? 1 : 0
        inPanels += way.inPanels ? 1 : 0
      }
    }
    #expect(sweep.passed(atLeast: 100_000), "\(sweep)")
    #expect(computed > 200 && inPanels > 100, "\(computed) computed, \(inPanels) in panels")
  }

  @Test("numbers stand in their lanes, and their ranges hold", arguments: [Int32(0), 1, 2])
  func packing(allowsVectors: Int32) {
    var sweep = Sweep()
    var generator = SeededGenerator(seed: 5)
    for (count, columns) in [(1, 1), (32, 8), (33, 16), (64, 7), (100, 24), (31, 128)] {
      for isBinary32 in [true, false] {
        let rows = (0..<count * columns).map { index -> Float in
          let bits = UInt32(truncatingIfNeeded: generator.next())
          // Whole panels of normal numbers, and some with everything.
          return Float(bitPattern: index / columns < 32 ? 0x3000_0000 | bits & 0x8FFF_FFFF : bits)
        }
        let panels = (count + 31) / 32
        var values = [Float](repeating: 7, count: panels * columns * 32)
        var ranges = [ropedrift_dot_range](repeating: ropedrift_dot_range(), count: panels)
        if isBinary32 {
          ropedrift_pack_panels(rows, 1, count, columns, 24, allowsVectors, &values, &ranges)
        } else {
          ropedrift_pack_panels(rows.map(Double.init), 0, count, columns, 24, allowsVectors, &values, &ranges)
        }
        for panel in 0..<panels {
          for column in 0..<columns {
            for lane in 0..<32 {
              let found = values[(panel * columns + column) * 32 + lane]
              let row = panel * 32 + lane
              let expected = row < count ? rows[row * columns + column] : 0
              sweep.check(
                found.bitPattern == (expected.isNaN ? Float.nan : expected).bitPattern,
                "\(count) rows of \(columns), row \(row) column \(column): \(expected), got \(found)")
              let range = ranges[panel]
              guard found.isFinite else {
                sweep.check(range.finite == 0, "finite with \(found)")
                continue
              }
              guard found != 0 else { continue }
              let unit = Double(sign: .plus, exponent: Int(range.lowest), significand: 1)
              sweep.check(
                (Double(found) / unit).rounded() == Double(found) / unit
                  && found.significandWidth < Int(range.width) && found.exponent <= Int(range.highest),
                "\(found) outside \(range)")
            }
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 10000), "\(sweep)")
  }

  @Test("panels are rotated as the twin rotates vectors", arguments: Recipe.Rotation.Algorithm.allCases)
  func rotation(algorithm: Recipe.Rotation.Algorithm) throws {
    let named = try RecipeRegistry.named("hf-bf16")
    var sweep = Sweep()
    var (done, left) = (0, 0)
    let chains: [[FloatingPointFormat]] = [
      [.fp32], [.bf16], [.fp16], [.fp32, .bf16], [.fp32, .fp16], [.fp8E4M3FN], [.fp8E5M2.saturating],
      [try FloatingPointFormat(precision: 11, minimumExponent: -126, maximumExponent: 127)],
    ]
    for (number, chain) in chains.enumerated() {
      for stored in [RoundingChain.exact, RoundingChain([.fp16]), RoundingChain([.fp32, .bf16])] {
        for (size, rotary, layout) in [
          (2, 2, RotaryLayout.halfSplit), (7, 4, .interleaved), (18, 10, .interleaved), (12, 12, .halfSplit),
        ] {
          for kind in 0..<3 {
            var recipe = named
            recipe.rotation = Recipe.Rotation(algorithm: algorithm, rounding: RoundingChain(chain))
            recipe.rotated = stored
            if kind == 2 { recipe.input = .exact }
            let embedding = try RotaryEmbedding(
              headSize: size, rotarySize: rotary, base: NumberLiteral(10000), layout: layout)
            let emulation = try Emulation(
              recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
            guard let plan = PanelRotation(recipe, embedding) else { continue }
            let tokens = 37
            var generator = SeededGenerator(seed: UInt64(100 * number + 10 * size + kind))
            /// Of a format: moderate, any finite encoding, or all of them.
            func numbers(_ count: Int, _ format: FloatingPointFormat, _ kind: Int) -> [Double] {
              (0..<count).map { _ in
                let bits = generator.next()
                if kind == 0 { return format.rounded(Double(Int64(bitPattern: bits) >> 11) * 0x1p-52) }
                let value = format.double(of: bits >> UInt64(64 - format.bitWidth))
                return kind == 2 || value.isFinite ? value : 1
              }
            }
            let matrix = numbers(tokens * size, kind == 2 ? .fp32 : .bf16, kind)
            let cosine = numbers(tokens * embedding.pairCount, .bf16, min(kind, 1))
            let sine = numbers(tokens * embedding.pairCount, .bf16, 0)
            var twin = matrix
            emulation.rotate(
              0..<tokens, of: matrix, cosine: cosine, sine: sine, firstRow: 0,
              { VectorPlace(.key, token: $0) }, into: &twin)
            func panels(_ rows: [Double], _ columns: Int, _ width: Int) -> VectorPanels {
              rows.withUnsafeBufferPointer { VectorPanels($0, columns: columns, width: width) }
            }
            let table = TablePanels(
              cosines: panels(cosine, embedding.pairCount, 8), sines: panels(sine, embedding.pairCount, 8))
            for way in [Int32(0), 1, 2] {
              let result = plan.rotate(panels(matrix, size, kind == 2 ? 24 : 8), table, allowsVectors: way)
              guard let result else {
                left += 1
                sweep.check(kind > 0, "\(chain.map(\.spelling)) left moderate numbers")
                continue
              }
              done += 1
              for token in 0..<tokens {
                for channel in 0..<size {
                  let a = twin[token * size + channel]
                  let b = Double(result.values[(token / 32 * size + channel) * 32 + token % 32])
                  sweep.check(
                    a.bitPattern == b.bitPattern || a.isNaN && b.isNaN,
                    "\(chain.map(\.spelling)) \(stored.summary) d \(size) kind \(kind) way \(way) channel \(channel): \(shown(a)), got \(shown(b))"
                  )
                }
              }
              for range in result.ranges where range.finite != 0 {
                sweep.check(range.width <= 24 && range.lowest >= -149, "\(range)")
              }
            }
          }
        }
      }
    }
    // A product that stays exact is not the panels' business.
    let isComputed = algorithm != .wide
    #expect(
      sweep.passed(atLeast: isComputed ? 5000 : 0) && (done > 50) == isComputed,
      "\(algorithm): \(done) done, \(left) left, \(sweep)")
  }
}
