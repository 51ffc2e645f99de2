// `--model`: a named model or a config.json says what flags leave out. Flags win over the model, the model over metadata.

import ArgumentParser
import RoPEDrift

extension FrequencyOptions {
  /// The model with one kind of its layers; nil without `--model`. What a user has to be told of the model is noted.
  ///
  /// - Parameter relevant: what of a kind of layers matters; kinds that agree in it need no choice.
  /// - Throws: ``ModelError``; ``CommandFailure`` (wrong usage) where a kind has to be chosen.
  func chosenModel(relevant: (ModelLayerType) -> [AnyHashable?]) throws -> ChosenModel? {
    guard let name = model else { return nil }
    let model = try ModelRegistry.model(nameOrPath: name)
    for caution in model.cautions { Console.current.note("model \(name): \(caution)") }
    let types = model.layerTypes
    let list = types.map(\.name).joined(separator: ", ")
    if let layerType {
      guard types.count > 1 || types[0].name != "all" else {
        throw CommandFailure(.wrongUsage, "the layers of model \(name) are all alike; leave out --layer-type")
      }
      guard let type = model.layerType(named: layerType) else {
        throw CommandFailure(
          .wrongUsage,
          "model \(name) has no layers of type '\(layerType)'\(didYouMean(nearestName(to: layerType, among: types.map(\.name)))); it has \(list)"
        )
      }
      return ChosenModel(model: model, layer: type, isChosen: true, sequenceLength: sequenceLength)
    }
    guard types.allSatisfy({ relevant($0) == relevant(types[0]) }) else {
      throw CommandFailure(
        .wrongUsage, "the layers of model \(name) differ; choose with --layer-type one of \(list)")
    }
    return ChosenModel(model: model, layer: types[0], isChosen: false, sequenceLength: sequenceLength)
  }
}

/// A model, one kind of its layers, and the length of the sequence.
struct ChosenModel: Sendable {
  let model: AttentionModel
  let layer: ModelLayerType
  /// Whether a user chose the kind, because kinds differ.
  let isChosen: Bool
  let sequenceLength: Int?

  var name: String { model.name }

  /// Checks that `--sequence-length` is used: neither without a scaling that takes it, nor beside `--scaling`.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage).
  func checkLength(scalingFlag: String?) throws {
    guard sequenceLength != nil else { return }
    if scalingFlag != nil {
      throw CommandFailure(
        .wrongUsage, "--sequence-length has no effect beside --scaling; write length= there where it is meant"
      )
    }
    guard layer.scaling?.needsLength == true else {
      throw CommandFailure(
        .wrongUsage,
        "--sequence-length has no effect: the frequencies of model \(name) do not depend on it; leave it out")
    }
  }

  /// The model's scaling at the given length; nil where the model leaves it open.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage) where the length is missing.
  func scaling() throws -> RotaryScaling? {
    do {
      return try layer.scaling?.resolved(length: sequenceLength)
    } catch let error as ProblemError {
      throw CommandFailure(.wrongUsage, "model \(name): \(error.description)")
    }
  }

  /// The failure where a field is needed and nobody says it.
  func missing(_ field: OpenField.Name) -> CommandFailure {
    let reason = model.reason(open: field) ?? "its source does not say"
    return CommandFailure(
      .wrongUsage, "model \(name) leaves \(field.rawValue) open: \(reason); say it with \(field.flag)")
  }

  /// Checks an input's layers against the model: heads, key heads and head size.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage), which names both.
  func checkSizes(_ layers: [AttentionLayer], of input: AttentionInput) throws {
    for shape in layers {
      for (what, found, expected) in [
        ("query heads", shape.queryHeads, model.heads), ("key heads", shape.kvHeads, model.keyValueHeads),
        ("channels a head", shape.headSize, layer.headSize),
      ] {
        guard let expected, found != expected else { continue }
        throw CommandFailure(
          .wrongUsage,
          "layer \(shape.index) of \(input.spelling) has \(found) \(what), model \(name) has \(expected); name the model that the input is from, or leave out --model"
        )
      }
    }
  }

  /// Checks that an input's layers are of the chosen kind, where the model says which layer is of which.
  ///
  /// - Throws: ``CommandFailure`` (wrong usage), which names both.
  func checkTypes(_ layers: [AttentionLayer], of input: AttentionInput) throws {
    for shape in layers where isChosen {
      if let type = model.type(ofLayer: shape.index), type != layer.name {
        throw CommandFailure(
          .wrongUsage,
          "layer \(shape.index) of \(input.spelling) is of type \(type) in model \(name), not \(layer.name); choose layers of one type with --layers, or another --layer-type"
        )
      }
    }
  }

  /// Refuses a window in commands that know the full mask only; those that take `--mask` pass ``ResolvedProblem/window`` to
  /// ``PatternOptions/resolve(tokens:window:)``.
  ///
  /// - Parameter longestRow: the most keys that a query sees in what is computed.
  /// - Throws: ``CommandFailure`` (wrong usage).
  func refuseWhatIsNotComputed(longestRow: Int) throws {
    if let window = layer.window, longestRow > window {
      throw CommandFailure(
        .wrongUsage,
        "model \(name) has a window of \(window) keys, and a query here sees \(longestRow): this command computes no windows (report and attribute do); take at most \(window) tokens, or say the problem with --base and --layout instead of --model"
      )
    }
  }
}
