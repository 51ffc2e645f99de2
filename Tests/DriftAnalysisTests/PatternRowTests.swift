// Figures of whole rows: by hand, against a plain loop over single scores, in both forms of the anchor, for any number of threads.

import EmulatedEngine
import FloatingPointFormats
import Foundation
import ReferenceEngine
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct PatternRowTests {
  private func top(_ row: [Double]) -> TopKey? { row.withUnsafeBufferPointer { TopKey($0) } }

  @Test func aTopKeyIsTheFirstOfTheGreatestWithTheDistanceToTheNext() {
    #expect(top([1, 3, 2.5])! == top([0, 3, 2.5])!)
    #expect(top([1, 3, 2.5])!.index == 1 && top([1, 3, 2.5])!.margin == 0.5)
    #expect(top([4, 1, 4])!.index == 0 && top([4, 1, 4])!.margin == 0)
    #expect(top([-.infinity, -2])!.index == 1 && top([-.infinity, -2])!.margin == .infinity)
    #expect(top([1]) == nil && top([]) == nil && top([1, .nan, 0]) == nil)
  }

  @Test func flipsAreCountedWithTheReferencesMargin() {
    var sums = TopKeySums()
    func add(_ reference: [Double], _ first: [Double], _ second: [Double]) {
      sums.add(count: reference.count, reference: top(reference), first: top(first), second: top(second))
    }
    add([1], [1], [1])
    add([2, 1], [2, 1], [2, 1])
    add([2, 1.75], [2, 1.75], [1, 3])
    add([2, 1.5, 0], [2, 2.5, 0], [2, 3, 0])
    add([3, 2], [1, 2], [4, 2])
    add([3, 2], [.nan, 2], [4, 2])
    #expect(sums.queries == 4 && sums.nonfiniteCount == 1)
    #expect(sums.flipsFromReference == 2 && sums.flipsBetweenShifts == 2)
    #expect(sums.leastMarginKept == 0.25)
    #expect(sums.greatestMarginFlipped == 1 && sums.greatestMarginFlippedBetweenShifts == 1)
    var both = TopKeySums()
    both.merge(sums)
    both.merge(sums)
    #expect(both.queries == 8 && both.greatestMarginFlipped == 1 && both.leastMarginKept == 0.25)
  }

  @Test func errorsOfOutputsAreSummedWithTheBoundAtTheGreatest() {
    var sums = OutputErrorSums()
    func add(_ emulated: Double, _ certified: Double, _ bound: Double, _ channel: Int) {
      sums.add(
        emulated: emulated, certified: certified, bound: bound, layer: 1, head: 2, query: 3, channel: channel)
    }
    add(1.5, 1, 0x1p-40, 0)
    add(-2, -3, 0x1p-50, 1)
    add(.infinity, 3, 0x1p-10, 2)
    add(3, 4, 0x1p-45, 3)
    #expect(sums.absolute.count == 4 && sums.absolute.nonfiniteCount == 1)
    #expect(sums.absolute.maximum == 1 && sums.absolute.mean == 2.5 / 3)
    #expect(sums.absolute.maximumPlace == OutputPlace(layer: 1, head: 2, query: 3, channel: 1))
    #expect(sums.greatestBound == 0x1p-40 && sums.boundPart == 0x1p-50)
    // (1/4 + 1 + 1) / (1 + 9 + 16).
    #expect(sums.normalizedMeanSquare == 2.25 / 26)
    var merged = OutputErrorSums()
    merged.add(emulated: 0, certified: 1, bound: 0x1p-20, layer: 0, head: 0, query: 0, channel: 0)
    merged.merge(sums)
    #expect(merged.absolute.maximum == 1 && merged.boundPart == 0x1p-20)
    #expect(OutputErrorSums().normalizedMeanSquare == nil && OutputErrorSums().boundPart == nil)
  }

  @Test func twoFormsAreComparedBitByBit() {
    var sums = PlacementSums()
    [0.5, 0.25].withUnsafeBufferPointer { a in
      [0.5, 0.375].withUnsafeBufferPointer { b in
        sums.add(probabilities: a, b)
        sums.add(outputs: a, b)
        sums.add(outputs: a, a)
      }
    }
    [0.0, .nan].withUnsafeBufferPointer { a in
      [-0.0, -.nan].withUnsafeBufferPointer { b in sums.add(outputs: a, b) }
    }
    #expect(sums.probabilities == 2 && sums.differingProbabilities == 1)
    #expect(sums.outputs == 3 && sums.differingOutputs == 2 && sums.differingElements == 2)
    #expect(sums.greatestDifference == 0.125)
  }

  // MARK: Whole runs

  private let spelling = "synthetic:sink,heads=2,kv_heads=1,tokens=37,head_dim=8,layers=2,seed=11"
  private let recipes = ["hf-bf16", "hf-llama/flash-attn-2/bf16", "fp32"]

  private func experiment(
    _ patterns: [String], lengths: [Int] = [5, 20, 12], interleave: String? = nil,
    input spelling: String? = nil
  ) throws -> PatternExperiment {
    let input = try AttentionInput.open(spelling ?? self.spelling)
    let shape = input.layerShapes[0]
    let layout = try DocumentLayout(
      DocumentDescription(lengths: lengths), tokens: shape.keyTokens,
      interleaving: try interleave.map(Interleaving.init(spelling:)))
    return try PatternExperiment(
      try patterns.map { name in
        let parts = name.split(separator: "/").map(String.init)
        let pattern = try AttentionPattern(
          mask: AttentionMask(spelling: parts[0]),
          policy: PositionPolicy.named.first { $0.name == parts[1] }!.policy, documents: layout)
        return PatternExperiment.Entry(
          name: name,
          experiment: try DriftExperiment(
            input: input,
            embedding: RotaryEmbedding(
              headSize: shape.headSize, base: NumberLiteral(10000), layout: .halfSplit),
            recipes: recipes.map { try RecipeRegistry.recipe(nameOrPath: $0) },
            comparisons: [ShiftPair(3, 1000)],
            pattern: pattern))
      }, blockSize: 4)
  }

  private static let all = [
    "full/continuous", "intra/reset", "anchor/continuous", "anchor-copy/continuous", "anchor/reset",
    "window:6/continuous", "anchor+window:6/continuous",
  ]

  @Test func noByteDependsOnTheNumberOfThreads() throws {
    let experiment = try experiment(Self.all, interleave: "3:seed=4")
    let one = try experiment.run(threads: 1)
    let three = try experiment.run(threads: 3)
    for (a, b) in zip(one, three) {
      for (x, y) in zip(a.rows, b.rows) {
        #expect(x.total == y.total && x.heads == y.heads && x.layers == y.layers)
        #expect(x.firstTokenMasses == y.firstTokenMasses && x.anchorMasses == y.anchorMasses)
      }
      #expect(a.firstTokens == b.firstTokens && a.extent == b.extent && a.blocks == b.blocks)
    }
  }

  /// Outputs, masses, top keys and both forms from single scores in the plain tier, with the mask's predicate written out.
  @Test(arguments: all) func rowsAgreeWithALoopOverSingleScores(_ name: String) throws {
    let other = [
      "anchor/continuous": "anchor-copy/continuous", "anchor-copy/continuous": "anchor/continuous",
    ]
    let experiment = try experiment(
      [name] + (other[name].map { [$0] } ?? []), lengths: [3, 7, 5], interleave: "4",
      input: "synthetic:sink,heads=2,kv_heads=1,tokens=15,head_dim=8,layers=1,seed=11")
    let found = try experiment.run(threads: 2)[0]
    let drift = experiment.entries[0].experiment
    let pattern = drift.pattern
    let problem = try ReferenceProblem(embedding: drift.embedding, scale: drift.scale)
    let layout = pattern.documents
    func vector(_ tensor: [Double], _ token: Int) -> [Double] { Array(tensor[token * 8..<token * 8 + 8]) }
    let k = try drift.input.keys(layer: 0, kvHead: 0)
    let v = try drift.input.values(layer: 0, kvHead: 0)
    let visible = (0..<15).map { token in
      (0...token).filter { key in
        let isNear = pattern.mask.window.map { token - key < $0 } ?? true
        let areOne = layout.document(ofToken: key) == layout.document(ofToken: token)
        let isSame = pattern.mask.documents == .ignored || areOne
        return isNear && isSame || pattern.mask.hasAnchor && key == 0
      }
    }
    // (heads, queries)(visible keys): of the problem, so one for all recipes.
    let exactRows = try (0..<2).map { head in
      let q = try drift.input.queries(layer: 0, head: head)
      return try visible.enumerated().map { token, keys in
        try keys.map { key -> Double in
          let score = problem.relativeFormScore(
            query: vector(q, token), key: vector(k, key), queryPosition: pattern.positions[token],
            keyPosition: pattern.positions[key])!
          return FloatingPointFormat.fp64.rounded(try score.exactValue())
        }
      }
    }
    for (index, emulation) in drift.emulations.enumerated() {
      var (greatest, drifted, squares, flips, queries) = (0.0, 0.0, 0.0, 0, 0)
      var (mass, emulatedMass, seeing) = (0.0, 0.0, 0)
      var firstMasses = [Double](repeating: 0, count: 3)
      var (differing, compared) = (0, 0)
      let rounded = InputMatrix(v, emulation: emulation, side: .value, layer: 0, head: 0)
      let values = EmulatedValues(rounded, emulation: emulation, layer: 0, head: 0)
      for head in 0..<2 {
        let q = try drift.input.queries(layer: 0, head: head)
        for (token, keys) in visible.enumerated() {
          let exact = exactRows[head][token]
          let weights = exact.map { exp($0 - exact.max()!) }
          let sum = weights.reduce(0, +)
          let p = weights.map { $0 / sum }
          let o = (0..<8).map { c in zip(keys, p).reduce(0) { $0 + $1.1 * v[$1.0 * 8 + c] } }
          // Places: in the window, or for the copied form in the document with the anchor before it.
          func runs(copied: Bool) -> [KeyRun] {
            keys.enumerated().map { KeyRun(keys: $1..<$1 + 1, place: copied ? $0 : $1) }
          }
          func scores(_ shift: Int) throws -> [EmulatedScore] {
            try keys.map {
              try emulation.score(
                query: vector(q, token), key: vector(k, $0),
                queryPosition: pattern.positions[token] + shift,
                keyPosition: pattern.positions[$0] + shift)
            }
          }
          func row(_ scores: [EmulatedScore], copied: Bool) throws -> PlainAttentionRow {
            let readsScores = emulation.recipe.softmax?.readsScores(emulation.recipe.logit) == true
            return try emulation.attentionRow(
              scores.map { try (readsScores ? $0.storedScore : $0.logit).binary64() },
              runs: runs(copied: copied), values: keys.map(values.operands),
              place: ScorePlace(query: token, layer: 0, head: head))
          }
          let isCopied = pattern.mask.documents == .anchorCopied
          let (near, far) = (try scores(3), try scores(1000))
          let logits = try near.map { try $0.logit.binary64() }
          let (first, second) = (try row(near, copied: isCopied), try row(far, copied: isCopied))
          for c in 0..<8 {
            let (a, b) = (try first.output[c].binary64(), try second.output[c].binary64())
            greatest = max(greatest, abs(a - o[c]))
            drifted = max(drifted, abs(a - b))
            squares += (a - o[c]) * (a - o[c])
          }
          if keys.count > 1 {
            queries += 1
            if top(logits)!.index != top(exact)!.index { flips += 1 }
          }
          for (place, key) in keys.enumerated() where key != token {
            for document in 0..<3 where layout.firstToken(ofDocument: document) == key {
              firstMasses[document] += p[place]
            }
            if key == 0 {
              mass += p[place]
              emulatedMass += first.probabilities[place]
              seeing += 1
            }
          }
          if other[name] != nil {
            let copy = try row(near, copied: !isCopied)
            compared += 1
            let bits = try zip(first.output, copy.output).map {
              try $0.binary64().bitPattern == $1.binary64().bitPattern
            }
            if bits.contains(false) { differing += 1 }
          }
        }
      }
      let rows = found.rows[index].total
      #expect(abs(rows.outputError.absolute.maximum! - greatest) < 1e-12)
      #expect(rows.outputDrift.maximum! == drifted)
      #expect(abs(rows.outputError.absolute.rootMeanSquare! - (squares / (15 * 8 * 2)).squareRoot()) < 1e-12)
      #expect(rows.outputError.boundPart! < 1e-6)
      #expect(rows.topKeys.queries == queries && rows.topKeys.flipsFromReference == flips)
      #expect(rows.anchorMass.queries == seeing)
      #expect(abs(rows.anchorMass.reference! - mass / Double(seeing)) < 1e-12)
      #expect(abs(rows.anchorMass.emulated! - emulatedMass / Double(seeing)) < 1e-12)
      for (document, expected) in firstMasses.enumerated() {
        let found = found.rows[index].firstTokenMasses[document]
        #expect(abs(found.referenceSum.value - expected) < 1e-12)
      }
      #expect(rows.placement.outputs == compared && rows.placement.differingOutputs == differing)
    }
  }

  @Test func theTwoFormsOfTheAnchorAreOneInExactArithmetic() throws {
    let found = try experiment(["anchor/continuous", "anchor-copy/continuous"], interleave: "4").run(
      threads: 2)
    for recipe in recipes.indices {
      let (shared, copied) = (found[0].rows[recipe].total, found[1].rows[recipe].total)
      #expect(shared.anchorMass.referenceSum == copied.anchorMass.referenceSum)
      #expect(shared.outputError.referenceSquares == copied.outputError.referenceSquares)
      #expect(shared.outputError.greatestBound == copied.outputError.greatestBound)
      #expect(shared.topKeys == copied.topKeys && shared.placement == copied.placement)
      let drift = found.map { $0.drift.recipes[recipe].comparisons[0] }
      #expect(drift[0].totals.logit == drift[1].totals.logit)
      #expect(drift[0].error.logit == drift[1].error.logit)
    }
    // Online softmax over tiles: the cuts are elsewhere, and some outputs know it. Unfused attention has no cuts.
    #expect(found[0].rows[0].total.placement.differingOutputs == 0)
  }

  @Test func oneDocumentMakesAllMasksOne() throws {
    let found = try experiment(["full/continuous", "intra/reset", "anchor/continuous"], lengths: [37])
      .run(threads: 1)
    for other in found.dropFirst() {
      for (a, b) in zip(found[0].rows, other.rows) {
        var b = b.total
        b.placement = PlacementSums()
        #expect(a.total == b)
      }
      #expect(found[0].drift.recipes[0].comparisons[0].totals == other.drift.recipes[0].comparisons[0].totals)
    }
  }

  @Test func positionsAndBlocksOfAPattern() throws {
    let found = try experiment(["intra/reset", "anchor/reset", "full/continuous"])
      .run(threads: 1)
    // Documents of 5, 20 and 12 tokens: the query at index i looks back over i positions; with the anchor later documents over i + 1.
    #expect(found[0].extent.all.greatestRange == 19)
    #expect(found[0].extent.all.meanRange == Double(10 + 190 + 66) / 37)
    #expect(found[0].extent.all.visiblePairs == 15 + 210 + 78)
    #expect(found[1].extent.all.greatestRange == 20)
    #expect(found[1].extent.all.meanRange == Double(10 + 210 + 78) / 37)
    #expect(found[1].extent.documents.map(\.greatestPosition) == [4, 20, 12])
    #expect(found[2].extent.all.greatestMagnitude == 36)
    #expect(found[2].exactOperations == Double(4 * 8 * 37 * 38 / 2))
    #expect(found[2].blocks.visited == 55 && found[2].blockOperations == Double(4 * 8 * 16 * 55))
  }

  @Test func withoutValuesOutputsAreOverNothing() throws {
    // A file of q and k alone.
    let input = try AttentionInput.open("synthetic:normal,heads=1,kv_heads=1,tokens=9,head_dim=4,layers=1")
    var writer = SafetensorsWriter(metadata: input.metadata)
    let layer = input.layerShapes[0]
    for tensor in [AttentionTensor.query, .key] {
      try writer.add(
        tensor.name(layer: 0), .bf16, shape: layer.shape(of: tensor),
        values: try input.read(tensor, layer: 0, head: 0))
    }
    let path =
      NSTemporaryDirectory()
      + "patterns-without-values-\(ProcessInfo.processInfo.processIdentifier).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try writer.write(to: path)
    let found = try experiment(["anchor/continuous", "full/continuous"], lengths: [4, 5], input: path).run(
      threads: 1)
    for rows in found.flatMap(\.rows) {
      #expect(rows.total.outputError.absolute.count == 0 && rows.total.outputDrift.maximum == nil)
      #expect(rows.total.topKeys.queries == 8 && rows.total.anchorMass.queries == 8)
    }
  }
}
