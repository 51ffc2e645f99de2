// `ropedrift models`: what the named models say of their attention, and what was understood of a config.json.

import ArgumentParser
import RoPEDrift

/// Lists the models, or shows one.
struct ModelsCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models, or show what one or a config.json says.",
    discussion: """
      --model takes the same names and files. A question mark stands for what a source leaves open; the other options say \
      it then. Doubts are what is open for a figure, and cautions, which 'ropedrift models NAME' shows.

      Examples:
        ropedrift models
        ropedrift models gemma-3-4b
        ropedrift models path/to/config.json --json
      """)

  @Argument(
    help: ArgumentHelp(
      "A model or a Hugging Face configuration; all named ones if left out.", valueName: "name|config.json"),
    completion: .models)
  var model: String?
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    guard let name = model else {
      if printing.json {
        try console.print(json: .array(ModelRegistry.all.map(\.jsonValue)))
        return
      }
      try console.write(Self.list(ModelRegistry.all))
      return
    }
    let model = try ModelRegistry.model(nameOrPath: name)
    if printing.json {
      try console.print(json: model.jsonValue)
    } else {
      try console.write(model.text)
    }
  }

  /// One row for each kind of layers of each model.
  private static func list(_ models: [AttentionModel]) -> String {
    var table = AlignedTextTable(header: [
      "model", "layers", "heads", "d", "r", "layout", "base", "scaling", "window", "softcap", "positions",
      "doubts",
    ])
    for model in models {
      for type in model.layerTypes {
        table.append([
          .string(model.name), .string(type.name.droppingAttention), .string(model.headsInWords),
          .string(type.headSize.orQuestion), .string(type.rotarySize.orQuestion),
          .string(model.layout?.rawValue ?? "?"), .string(type.base?.text ?? "?"),
          .string(type.scaling?.name ?? "?"), type.window.map(Cell.integer) ?? .missing,
          model.softcap.map { .string($0.text) } ?? .missing, .string(model.maximumPositions.orQuestion),
          model.doubtsInWords.map(Cell.string) ?? .missing,
        ])
      }
    }
    return table.text
  }
}

extension AttentionModel {
  fileprivate var headsInWords: String { "\(heads.orQuestion)/\(keyValueHeads.orQuestion)" }

  /// What is open, and whether there are cautions; nil for neither.
  fileprivate var doubtsInWords: String? {
    let words = open.map { "\($0.name.rawValue) open" } + (cautions.isEmpty ? [] : ["caution"])
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  /// What multiplies q·k, in words; nil where it is open.
  fileprivate var scaleInWords: String? {
    switch scale {
    case .inverseSquareRootOfHeadSize: "1/sqrt(head size)"
    case .value(let literal): literal.text
    case nil: nil
    }
  }

  /// Everything, for a terminal.
  fileprivate var text: String {
    var lines: [(String, String)] = [
      ("source", source), ("verified", verified), ("heads/kv heads", headsInWords),
      ("layout", layout?.rawValue ?? "open"), ("scale", scaleInWords ?? "open"),
      ("softcap", softcap?.text ?? "none"), ("positions", maximumPositions.map(String.init) ?? "open"),
    ]
    for type in layerTypes {
      let prefix = layerTypes.count == 1 ? "" : type.name.droppingAttention + ": "
      let layers = typeOfLayer.indices.filter { typeOfLayer[$0] == type.name }
      if !layers.isEmpty { lines.append((prefix + "layers", IndexSelection.inWords(layers))) }
      lines += [
        (prefix + "head size", type.headSize.map(String.init) ?? "open"),
        (prefix + "rotary size", type.rotarySizeInWords), (prefix + "base", type.base?.text ?? "open"),
        (prefix + "scaling", type.scalingInWords),
        (prefix + "window", type.window.map(String.init) ?? "none"),
      ]
    }
    lines += open.map { ("open: \($0.name.rawValue)", "\($0.reason); say it with \($0.name.flag)") }
    lines += cautions.map { ("caution", $0) }
    lines += remarks.map { ("remark", $0) }
    var table = AlignedTextTable(header: ["model", AlignedTextTable.visible(name)])
    for (name, value) in lines { table.append([.string(name), .string(value)]) }
    return table.text
  }

  /// Everything, null where it is open or not there.
  fileprivate var jsonValue: JSONValue {
    func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
    return .object([
      "name": .string(name), "source": .string(source), "verified": .string(verified),
      "heads": heads.jsonValue, "kv_heads": keyValueHeads.jsonValue,
      "layout": layout.map { .string($0.rawValue) } ?? .null,
      "scale": scaleInWords.map(JSONValue.string) ?? .null,
      "softcap": softcap.map { .string($0.text) } ?? .null, "max_positions": maximumPositions.jsonValue,
      "layer_types": .array(layerTypes.map(\.jsonValue)), "type_of_layer": strings(typeOfLayer),
      "open": .object(JSONObject(open.map { ($0.name.rawValue, .string($0.reason)) })),
      "cautions": strings(cautions), "remarks": strings(remarks),
    ])
  }
}

extension ModelLayerType {
  fileprivate var rotarySizeInWords: String {
    if let rotarySize { return String(rotarySize) }
    return rotaryPart == .wholeHead ? "the whole head" : "open"
  }

  fileprivate var scalingInWords: String {
    guard let scaling else { return "open" }
    return scaling.spelling + (scaling.needsLength ? " (and --sequence-length)" : "")
  }

  fileprivate var jsonValue: JSONValue {
    .object([
      "name": .string(name), "head_size": headSize.jsonValue, "rotary_size": rotarySize.jsonValue,
      "base": base.map { .string($0.text) } ?? .null,
      "scaling": scaling.map { .string($0.spelling) } ?? .null,
      "needs_sequence_length": .boolean(scaling?.needsLength ?? false), "window": window.jsonValue,
    ])
  }
}

extension Int? {
  fileprivate var orQuestion: String { map(String.init) ?? "?" }

  fileprivate var jsonValue: JSONValue { map(JSONValue.integer) ?? .null }
}

extension String {
  /// `full_attention` as `full`.
  fileprivate var droppingAttention: String { hasSuffix("_attention") ? String(dropLast(10)) : self }
}
