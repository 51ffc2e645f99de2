// Recipes with other tiles: what changes, what their names say, and what is refused.

import Testing

@testable import EmulatedEngine

@Suite struct TileTests {
  @Test func tilesAndTheirOrderChangeAndNothingElse() throws {
    let recipe = try RecipeRegistry.named("hf-llama/flash-attn-2/bf16")
    #expect(try recipe.withTiles(of: nil) == recipe)
    var other = try recipe.withTiles(of: 16)
    #expect(other.name == "hf-llama/flash-attn-2/bf16+tile16")
    #expect(other.softmax?.algorithm == .online(tile: Recipe.Softmax.TileSize(16), order: .descending))
    (other.name, other.softmax) = (recipe.name, recipe.softmax)
    #expect(other == recipe)
    let order = try recipe.withTiles(of: 64, order: .ascending)
    #expect(order.name == "hf-llama/flash-attn-2/bf16+tile64+ascending")
    #expect(order.softmax?.algorithm == .online(tile: Recipe.Softmax.TileSize(64), order: .ascending))
    let block = try recipe.withTiles(of: nil, order: .diagonalFirst(block: 256))
    #expect(block.name == "hf-llama/flash-attn-2/bf16+diagonalFirst(256)")
    guard case .online(let tile, _)? = block.softmax?.algorithm else { return #expect(Bool(false)) }
    #expect(tile.size(headSize: 64) == 128 && tile.size(headSize: 128) == 64)
  }

  @Test func whatNoTileCanBeIsRefused() throws {
    let online = try RecipeRegistry.named("hf-llama/flex/bf16")
    for size in [0, -1, 1 << 20 + 1, Int.min, Int.max] {
      #expect(throws: TileError.size(size)) { _ = try online.withTiles(of: size) }
    }
    #expect(throws: TileError.block(128, tile: 48)) { _ = try online.withTiles(of: 48) }
    #expect(throws: TileError.block(128, tile: 256)) { _ = try online.withTiles(of: 256) }
    #expect(throws: TileError.block(96, tile: 128)) {
      _ = try online.withTiles(of: nil, order: .diagonalFirst(block: 96))
    }
    _ = try online.withTiles(of: 48, order: .ascending)
    for name in ["hf-llama/hf-eager/bf16", "fa2-bf16", "fp32"] {
      let recipe = try RecipeRegistry.named(name)
      #expect(throws: TileError.fullRow(recipe: recipe.name)) { _ = try recipe.withTiles(of: 64) }
      #expect(throws: TileError.fullRow(recipe: recipe.name)) {
        _ = try recipe.withTiles(of: nil, order: .ascending)
      }
    }
    #expect(
      TileError.size(0).description == "a tile of 0 keys: a tile has 1 to 1048576 keys")
  }
}
