// `ropedrift flops`: what attention is of a model's forward pass, and what masks over documents can save of it at most.

import ArgumentParser
import RoPEDrift

/// Counts operations of models.
struct FLOPsCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "flops",
    abstract: "Count what attention is of a model's forward pass, and what a document mask can save of it.",
    discussion: """
      Operations of one forward pass, a multiplication and an addition being two: 2 a parameter of the matrices for every token, 4 d \
      heads for every visible pair in every layer. The saving is 1 - operations under the mask / operations under the full \
      causal mask: a bound on the time that the mask can save where time is operations. The last column has the greatest length \
      of equal documents that still save half.

      Examples:
        ropedrift flops --model llama-2-7b
        ropedrift flops --model llama-3-8b --contexts 65536,131072 --document-lengths 1024,8192 --documents log-normal:median=1024
      """)

  @Option(
    help: ArgumentHelp(
      "A model by name ('ropedrift models' lists them) or a config.json; repeatable.", valueName: "name|file"),
    completion: .list(ModelRegistry.names))
  var model: [String] = []
  @Option(
    help: ArgumentHelp("Tokens of a window (default: 16384,32768,65536,131072,262144).", valueName: "list"))
  var contexts: String?
  @Option(
    help: ArgumentHelp("Lengths of equal documents (default: 512,2048,8192,32768).", valueName: "list"))
  var documentLengths: String?
  @Option(help: ArgumentHelp("intra (the default) or anchor.", valueName: "mask"))
  var mask = "intra"
  @Option(
    help: ArgumentHelp(
      "Also documents of a generator, as log-normal:median=512,sigma=1.2,seed=1.", valueName: "generator"))
  var documents: String?
  @OptionGroup var printing: PrintingOptions

  private static let contextsByDefault = (14...18).map { 1 << $0 }
  private static let lengthsByDefault = [512, 2048, 8192, 32768]
  private static let greatest = 1 << 30
  private static let greatestOfGenerator = 1 << 24

  private struct Row {
    let model: String
    let context: Int
    let documents: String
    let count: Int
    let share: Double
    let full: Double
    let sharePattern: Double
    let total: Double
    let saving: Double
    let half: Int?
  }

  func run() throws {
    guard !model.isEmpty else {
      throw CommandFailure(
        .wrongUsage, "no model is named; name one with --model, 'ropedrift models' lists them")
    }
    let hasAnchor: Bool
    switch mask {
    case "intra": hasAnchor = false
    case "anchor", "anchor-copy": hasAnchor = true
    default:
      throw CommandFailure(
        .wrongUsage, "--mask '\(mask)': operations are compared with full for intra and anchor")
    }
    let contexts = try self.contexts.map { try Self.list($0, "--contexts") } ?? Self.contextsByDefault
    let lengths =
      try documentLengths.map { try Self.list($0, "--document-lengths") } ?? Self.lengthsByDefault
    var seen: Set<String> = []
    if let repeated = model.first(where: { !seen.insert($0).inserted }) {
      throw CommandFailure(.wrongUsage, "model '\(repeated)' is named twice; name each once")
    }
    let operations = try model.map { name in
      do {
        return try ModelOperations(try ModelRegistry.model(nameOrPath: name))
      } catch let error as ModelOperationsError {
        throw CommandFailure(.failed, error.description)
      }
    }
    var rows: [Row] = []
    for model in operations {
      for context in contexts {
        var layouts = lengths.filter { $0 < context }.map {
          (String($0), ModelOperations.equalDocuments(of: $0, tokens: context))
        }
        if let documents { layouts.append((documents, try generated(documents, tokens: context))) }
        let half = model.greatestLength(saving: 0.5, tokens: context, hasAnchor: hasAnchor)
        for (name, layout) in layouts {
          let others = model.matrices(tokens: context)
          rows.append(
            Row(
              model: model.model.name, context: context, documents: name, count: layout.count,
              share: model.attentionShare(documents: [context]),
              full: others + model.attention(documents: [context]),
              sharePattern: model.attentionShare(documents: layout, hasAnchor: hasAnchor),
              total: others + model.attention(documents: layout, hasAnchor: hasAnchor),
              saving: model.saving(documents: layout, hasAnchor: hasAnchor), half: half))
        }
      }
    }
    guard !rows.isEmpty else {
      throw CommandFailure(
        .wrongUsage,
        "no documents are shorter than a window; name shorter --document-lengths or longer --contexts")
    }
    if printing.json { try Console.current.print(json: json(rows)) } else { try print(rows, operations) }
  }

  private func generated(_ spelling: String, tokens: Int) throws -> [Int] {
    guard tokens <= Self.greatestOfGenerator else {
      throw CommandFailure(
        .wrongUsage, "--documents fills windows of up to \(Self.greatestOfGenerator) tokens; found \(tokens)")
    }
    return try DocumentGenerator(spelling: spelling).documents(tokens: tokens).entries.map(\.length)
  }

  private static func list(_ typed: String, _ flag: String) throws -> [Int] {
    var seen: Set<Int> = []
    return try typed.split(separator: ",", omittingEmptySubsequences: false).map {
      guard let value = Int($0), (1...greatest).contains(value) else {
        throw CommandFailure(
          .wrongUsage, "\(flag) '\(typed)': '\($0)' is no number of tokens from 1 to \(greatest)")
      }
      guard seen.insert(value).inserted else {
        throw CommandFailure(.wrongUsage, "\(flag) '\(typed)' names \(value) twice; name each length once")
      }
      return value
    }
  }

  private func print(_ rows: [Row], _ models: [ModelOperations]) throws {
    let console = Console.current
    var table = AlignedTextTable(
      header: [
        "model", "context", "documents", "count", "attention: full", mask, "TFLOP: full", mask,
        "saves at most",
        "half up to",
      ], keyColumns: 3)
    for row in rows {
      table.append([
        .string(row.model), .integer(row.context), .string(row.documents), .integer(row.count),
        .number(row.share), .number(row.sharePattern), .number(row.full * 1e-12), .number(row.total * 1e-12),
        .number(row.saving), Cell(row.half),
      ])
    }
    try console.write(table.text)
    try console.print(
      "attention: its part of all operations of a forward pass; half up to: the greatest length of equal documents that saves half of them."
    )
    for model in models {
      try console.print("\(model.model.name): \(model.model.sizes!.source)")
    }
  }

  private func json(_ rows: [Row]) -> JSONValue {
    .array(
      rows.map {
        .object([
          "model": .string($0.model), "context": .integer($0.context), "mask": .string(mask),
          "documents": .string($0.documents), "document_count": .integer($0.count),
          "attention_share_full": .number($0.share), "attention_share": .number($0.sharePattern),
          "flops_full": .number($0.full), "flops": .number($0.total), "saving_at_most": .number($0.saving),
          "greatest_length_saving_half": $0.half.map(JSONValue.integer) ?? .null,
        ])
      })
  }
}
