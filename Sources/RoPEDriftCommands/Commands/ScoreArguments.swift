// Which score is meant: layer, head, tokens, positions; and the vectors that belong to it.

import ArgumentParser
import RoPEDrift

/// `--layer --head --query --key --query-position --key-position --shift`.
struct ScoreArguments: ParsableArguments {
  @Option(help: ArgumentHelp("The layer.", valueName: "n"))
  var layer: Int
  @Option(help: ArgumentHelp("The query head.", valueName: "n"))
  var head: Int
  @Option(help: ArgumentHelp("The query's row in its tensor.", valueName: "row"))
  var query: Int
  @Option(help: ArgumentHelp("The key's row in its tensor.", valueName: "row"))
  var key: Int
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Position of the query. Left out: its token, the row counted from the end of the keys.", valueName: "p"),
    transform: PositionLiteral.parse)
  var queryPosition: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Position of the key. Left out: its row.", valueName: "p"),
    transform: PositionLiteral.parse)
  var keyPosition: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Added to both positions.", valueName: "s"),
    transform: PositionLiteral.parse)
  var shift: Int = 0

  /// The pair of an input that these arguments name.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage), ``TensorFileError``.
  func resolve(in input: AttentionInput) throws -> ScorePair {
    guard let shape = input.layerShapes.first(where: { $0.index == layer }) else {
      throw IndexSelection.missing(layer, among: input.layers, what: "layer", owner: input.spelling)
    }
    let owner = "layer \(layer) of \(input.spelling)"
    func check(_ index: Int, below count: Int, _ what: String) throws {
      guard (0..<count).contains(index) else {
        throw IndexSelection.missing(index, among: Array(0..<count), what: what, owner: owner)
      }
    }
    try check(head, below: shape.queryHeads, "query head")
    try check(query, below: shape.queryTokens, "query row")
    try check(key, below: shape.keyTokens, "key row")
    let keyHead = shape.kvHead(ofQueryHead: head)
    let size = shape.headSize
    let token = shape.attentionShape.token(ofQuery: query)
    return ScorePair(
      layer: layer, head: head, keyHead: keyHead, queryRow: query, keyRow: key, headSize: size,
      queryPosition: try PositionLiteral.shifted(queryPosition ?? token, by: shift),
      keyPosition: try PositionLiteral.shifted(keyPosition ?? key, by: shift),
      query: Array(try input.queries(layer: layer, head: head)[query * size..<(query + 1) * size]),
      key: Array(try input.keys(layer: layer, kvHead: keyHead)[key * size..<(key + 1) * size]))
  }
}

/// One query and one key with their positions.
struct ScorePair {
  var layer: Int
  var head: Int
  var keyHead: Int
  var queryRow: Int
  var keyRow: Int
  var headSize: Int
  var queryPosition: Int
  var keyPosition: Int
  /// (d): as stored.
  var query: [Double]
  /// (d): as stored.
  var key: [Double]

  /// The names of the vectors that hold a NaN or an infinity.
  var nonFiniteVectors: [String] {
    [("the query", query), ("the key", key)].filter { !$0.1.allSatisfy(\.isFinite) }.map(\.0)
  }

  /// The exact score; nil where it is not defined.
  func exactScore(_ problem: ReferenceProblem) -> ExactReal? {
    problem.relativeFormScore(
      query: query, key: key, queryPosition: queryPosition, keyPosition: keyPosition)
  }

  /// The score of an emulation, at the places that a report of the whole input gives it.
  func emulatedScore(_ emulation: Emulation) throws -> EmulatedScore {
    try emulation.score(
      query: query, key: key, queryPosition: queryPosition, keyPosition: keyPosition,
      queryPlace: VectorPlace(.query, token: queryRow, layer: layer, head: head),
      keyPlace: VectorPlace(.key, token: keyRow, layer: layer, head: keyHead),
      pair: ScorePlace(query: queryRow, key: keyRow, layer: layer, head: head))
  }
}
