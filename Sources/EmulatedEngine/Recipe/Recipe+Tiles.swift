// A recipe with other tiles: the size and the order are a kernel's choice, by head size and machine, and bits depend on them.

/// What is wrong with tiles that were asked for.
public enum TileError: Error, Equatable, CustomStringConvertible {
  /// A size that no tile has.
  case size(Int)
  /// An order that is not known.
  case order(String)
  /// Tiles that do not divide the blocks in which they are visited.
  case block(Int, tile: Int)
  /// A recipe that goes through whole rows.
  case fullRow(recipe: String)

  /// One sentence with the mend.
  public var description: String {
    switch self {
    case .size(let size):
      "a tile of \(size) keys: a tile has 1 to \(TileError.sizes.upperBound) keys"
    case .order(let text):
      "unknown order of tiles '\(text)'; it is one of \(Recipe.Softmax.TileOrder.spellings.joined(separator: ", ")), with a number of keys for the block"
    case .block(let block, let tile):
      "tiles of \(tile) keys do not divide the blocks of \(block) keys of the order diagonalFirst(\(block)); choose a tile that divides \(block), or another order"
    case .fullRow(let recipe):
      "recipe \(recipe) takes the softmax of whole rows and has no tiles; leave the tile out, or choose a recipe with an online softmax, as those with the attention half flash-attn-2, flash-attn-3, sdpa-flash or flex"
    }
  }

  /// The sizes that a tile can have.
  static let sizes = 1...1 << 20
}

extension Recipe {
  /// The recipe with tiles of another size for all head sizes, or in another order; its name says so: `NAME+tile64+ascending`.
  ///
  /// - Parameters:
  ///   - size: keys of a tile; nil for the recipe's own.
  ///   - order: in which order tiles are visited; nil for the recipe's own.
  /// - Throws: ``TileError``.
  public func withTiles(of size: Int?, order: Softmax.TileOrder? = nil) throws -> Recipe {
    if size == nil, order == nil { return self }
    guard case .online(let ownTile, let ownOrder)? = softmax?.algorithm else {
      throw TileError.fullRow(recipe: name)
    }
    if let size, !TileError.sizes.contains(size) { throw TileError.size(size) }
    let (tile, visited) = (size.map { Softmax.TileSize($0) } ?? ownTile, order ?? ownOrder)
    if case .diagonalFirst(let block) = visited {
      for tile in tile.upTo.map(\.tile) + [tile.otherwise] where !block.isMultiple(of: tile) {
        throw TileError.block(block, tile: tile)
      }
    }
    var changed = self
    changed.softmax!.algorithm = .online(tile: tile, order: visited)
    changed.name += (size.map { "+tile\($0)" } ?? "") + (order.map { "+\($0.spelling)" } ?? "")
    return changed
  }
}
