// `--tile` and `--tile-order`: an online softmax with other tiles than its recipe's, without a file.

import ArgumentParser
import RoPEDrift

/// `--tile N` and `--tile-order ORDER`, for every recipe that is named.
public struct TileOptions: ParsableArguments {
  /// Keys of a tile.
  @Option(
    name: .customLong("tile"), parsing: .unconditional,
    help: ArgumentHelp(
      "Keys of a tile of an online softmax; the recipe's own size if left out.", valueName: "n"))
  public var size: Int?
  /// The order of the tiles, as typed.
  @Option(
    name: .customLong("tile-order"),
    help: ArgumentHelp(
      "Order of the tiles: ascending, descending, diagonalFirst(n); the recipe's own if left out.",
      valueName: "order"))
  public var order: String?

  /// Whether any of the flags is there.
  var isGiven: Bool { size != nil || order != nil }

  /// For the parser.
  public init() {}

  /// The recipes with these tiles; their names say so.
  ///
  /// - Throws: ``TileError``.
  public func apply(to recipes: [Recipe]) throws -> [Recipe] {
    let order = try order.map { text in
      guard let order = Recipe.Softmax.TileOrder(spelling: text) else { throw TileError.order(text) }
      return order
    }
    return try recipes.map { try $0.withTiles(of: size, order: order) }
  }

  /// Words of the command that makes the same again.
  func add(to command: inout CanonicalCommand) {
    command.add("--tile", size.map(String.init))
    command.add("--tile-order", order)
  }
}
