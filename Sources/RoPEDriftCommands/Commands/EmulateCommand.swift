// `ropedrift emulate`: what a recipe's arithmetic gives, as tensors, so that anybody can compare a kernel with it bit by bit.

import ArgumentParser
import RoPEDrift

/// Writes a recipe's tensors.
struct EmulateCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "emulate",
    abstract: "Write what a recipe's arithmetic gives as tensors, to compare a kernel with.",
    discussion: """
      Per layer the file holds layers.{n}.cos and .sin [tokens, r/2], .rotated_q [heads, tokens, d], .rotated_k \
      [kv_heads, tokens, d] and, where asked for, .logits and .probabilities [heads, queries, keys], with -INF and 0 where a \
      query does not see a key, and .output [heads, queries, d]; beside them positions [tokens]. Probabilities of an online \
      softmax are its weights normalized in fp64, which no kernel stores. Element types are the narrowest of BF16, F16, F32 and F64 that hold the \
      recipe's formats. Metadata holds the recipe in full.

      Examples:
        ropedrift emulate --recipe hf-llama-bf16 -o emulated.safetensors
        ropedrift emulate capture.safetensors --recipe meta-llama-cpu-bf16 --shift 4096 --layers 7 --tensors rotated_q,logits -o out.safetensors
      """)

  @OptionGroup var input: InputArgument
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The safetensors file to write; it must not exist without --force.", valueName: "file")
  )
  var output: String
  @Flag(help: "Replace a file that this command wrote.")
  var force = false
  @OptionGroup var recipes: RecipeOptions
  @OptionGroup var tiles: TileOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Added to the position of every token.", valueName: "s"),
    transform: PositionLiteral.parse)
  var shift: Int = 0
  @Option(
    help: ArgumentHelp("Layers, as 0,2,5-8; all if left out.", valueName: "list"),
    transform: IndexSelection.init)
  var layers: IndexSelection?
  @Option(
    help: ArgumentHelp(
      "Tensors, of cos, sin, rotated_q, rotated_k, logits, probabilities, output; the first four if left out.",
      valueName: "list"),
    transform: Self.tensors)
  var tensors: Set<StoredTensor> = [.cosine, .sine, .rotatedQuery, .rotatedKey]
  @Option(
    help: ArgumentHelp(
      "What tensors are rounded to that the recipe leaves exact, once, to nearest even; refused if left out.",
      valueName: "format"), completion: .formats)
  var format: String?
  @OptionGroup var problem: ProblemOptions
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let chosen = try tiles.apply(to: recipes.resolve())
    guard chosen.count == 1 else {
      throw CommandFailure(
        .wrongUsage,
        "a file holds the tensors of one recipe, found \(chosen.count); name one with --recipe, or with --rotary and --type ('ropedrift recipes' lists them)"
      )
    }
    guard !problem.storedFrequencies else {
      throw CommandFailure(
        .wrongUsage,
        "--stored-frequencies concerns the exact score, of which this command makes none; leave it out")
    }
    let format = try format.map { try FloatingPointFormat(spelling: $0) }
    guard output != "-" else {
      throw CommandFailure(.wrongUsage, "-o - would be standard output, which shows the table; name a file")
    }
    let location = try FileLocation(checking: output, replacing: force, objection: Self.objection)
    let content = try content(of: try input.open(), chosen[0], format)

    let staged = try StagedFile(at: location)
    try InterruptionGuard.protecting(cleanup: { staged.discard() }) {
      let meter = console.progress("elements", total: content.workload)
      var file = try BufferedFile(creating: staged.stagingPath)
      try content.write(into: &file, threads: threads.count) { meter.advance(by: $0) }
      try file.finish()
      meter.finish()
      try staged.commit()
    }
    try show(content, on: console)
  }

  private func content(
    of attention: AttentionInput, _ recipe: Recipe, _ format: FloatingPointFormat?
  ) throws -> EmulatedTensors {
    let indices = try layers?.resolve(among: attention.layers, what: "layer", owner: attention.spelling)
    let shapes = attention.layerShapes.filter { indices?.contains($0.index) ?? true }
    let resolved = try problem.resolve(
      for: attention, layers: shapes, computesRows: tensors.contains { $0.needsRows })
    do {
      return try EmulatedTensors(
        input: attention, layers: shapes, embedding: try resolved.embedding(headSize: shapes[0].headSize),
        scale: resolved.scale, softcap: resolved.softcap, recipe: recipe, shift: shift, tensors: tensors,
        format: format, toolVersion: RoPEDriftVersion.current)
    } catch let error as EmulatedTensorsError {
      throw CommandFailure(.wrongUsage, error.description)
    }
  }

  private func show(_ content: EmulatedTensors, on console: Console) throws {
    let places = content.layout.tensors
    if printing.json {
      let tensors = places.map { place in
        JSONValue.object([
          "name": .string(place.name), "element_type": .string(place.elementType.rawValue),
          "shape": .array(place.shape.map(JSONValue.integer)),
        ])
      }
      try console.print(
        json: .object([
          "output": .string(output), "bytes": .integer(content.layout.byteCount),
          "recipe": .string(content.recipe.name), "shift": .integer(shift), "tensors": .array(tensors),
        ]))
      return
    }
    var table = AlignedTextTable(header: ["tensor", "type", "shape"])
    for place in places {
      table.append([
        .string(place.name), .string(place.elementType.rawValue), .string("\(place.shape)"),
      ])
    }
    try console.write(table.text)
    try console.print("recipe \(content.recipe.name), shift \(shift), written to \(output)")
  }

  /// Why a file must not be replaced: it may be a capture that took days.
  private static func objection(_ path: String) -> String? {
    let file = try? SafetensorsFile(path: path)
    return file?.metadata[AttentionInput.Metadata.stage] == EmulatedTensors.stage
      ? nil : "what is there was not written by 'ropedrift emulate'"
  }

  /// Reads `cos,logits`.
  private static func tensors(_ typed: String) throws -> Set<StoredTensor> {
    let known = StoredTensor.allCases.map(\.rawValue)
    return Set(
      try typed.split(separator: ",", omittingEmptySubsequences: false).map { item in
        guard let tensor = StoredTensor(rawValue: String(item)) else {
          throw CommandFailure(
            .wrongUsage,
            "--tensors knows no '\(item)'\(didYouMean(nearestName(to: String(item), among: known))); it takes a list of \(known.joined(separator: ", "))"
          )
        }
        return tensor
      })
  }
}
