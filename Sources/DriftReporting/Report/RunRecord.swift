// run.json: everything that decided the bytes of a report, and nothing that did not (no time, no host, no thread count, no place).

import ArbitraryPrecision
import DriftAnalysis
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// What `run.json` records.
public struct RunRecord: Sendable {
  /// The words of the command that makes the same report again, without output path and threads.
  public let command: [String]
  /// The tool's version.
  public let toolVersion: String
  /// What was found.
  public let results: DriftResults
  /// SHA-256 of the input, hexadecimal.
  public let inputIdentity: String

  /// A record of results.
  ///
  /// - Throws: ``TensorFileError`` where the input cannot be read any more.
  public init(command: [String], toolVersion: String, results: DriftResults) throws {
    self.command = command
    self.toolVersion = toolVersion
    self.results = results
    inputIdentity = try results.experiment.input.identity()
  }

  /// The name of the file inside the folder.
  public static let fileName = "run.json"

  /// The command in one line, as a POSIX shell reads it.
  public var commandLine: String { ShellCommand.text(command) }

  /// The whole record.
  public var json: JSONValue {
    var record: JSONObject = [:]
    record["command"] = .string(commandLine)
    record["versions"] = .object([
      "ropedrift": .string(toolVersion), "mpfr": .string(LibraryVersions.mpfr),
      "gmp": .string(LibraryVersions.gmp),
    ])
    record["input"] = input
    record["problem"] = problem
    record["measured"] = measured
    record["reference"] = reference
    record["seed"] = .array(seeds)
    record["recipes"] = .array(results.recipes.map { $0.emulation.recipe.jsonValue })
    return .object(record)
  }

  private var input: JSONValue {
    .object([
      "name": .string(results.experiment.input.spelling),
      "sha256": .string(inputIdentity),
      "metadata": .object(metadata),
      "nonfinite": .object(results.nonFinite.jsonObject),
    ])
  }

  private var problem: JSONValue {
    let embedding = results.experiment.embedding
    let shape = results.experiment.shape
    var object: JSONObject = [:]
    object["head_size"] = .integer(embedding.headSize)
    object["rotary_size"] = .integer(embedding.rotarySize)
    object["layout"] = .string(embedding.layout.rawValue)
    object["base"] = .string(embedding.base.text)
    object["scaling"] = embedding.scaling.isDefault ? "none" : .string(embedding.scaling.spelling)
    object["scale"] = .string(scale)
    object["softcap"] = .string(results.experiment.softcap?.text ?? "none")
    object["heads"] = .integer(shape.heads)
    object["kv_heads"] = .integer(shape.keyValueHeads)
    object["query_tokens"] = .integer(shape.queryTokens)
    object["key_tokens"] = .integer(shape.keyTokens)
    return .object(object)
  }

  private var measured: JSONValue {
    let experiment = results.experiment
    var object: JSONObject = ["mode": "isolated"]
    object["positions"] = .string(experiment.pattern.policy.name)
    object["mask"] = .string(experiment.pattern.mask.spelling)
    if !experiment.pattern.isCausal { object["pattern"] = Self.packing(experiment.pattern) }
    object["layers"] = .array(experiment.layers.map(JSONValue.integer))
    object["heads"] = .array(experiment.heads.map(JSONValue.integer))
    object["shifts"] = .array(experiment.comparisons.map(Self.pair))
    object["sweep"] = .array(experiment.sweep.map(Self.pair))
    object["lengths"] = .array(experiment.lengths.map(JSONValue.integer))
    object["reference_frequencies"] = experiment.usesStoredFrequencies ? "stored by each recipe" : "exact"
    return .object(object)
  }

  /// How a window is packed: its documents, its chunks where documents have several, listed positions.
  static func packing(_ pattern: AttentionPattern) -> JSONValue {
    let layout = pattern.documents
    var object: JSONObject = [:]
    object["document_lengths"] = .array(layout.documents.map { .integer($0.length) })
    if layout.documents.contains(where: { $0.domain != nil }) {
      object["domains"] = .array(layout.documents.map { $0.domain.map(JSONValue.string) ?? .null })
    }
    object["tag_tokens"] = .integer(layout.documents.first?.tagTokens ?? 0)
    if layout.chunks.count > layout.documents.count {
      object["chunks"] = .array(
        layout.chunks.map { .array([.integer($0.document), .integer($0.tokens.count)]) })
    }
    if case .list(let positions) = pattern.policy {
      object["positions"] = .array(positions.map(JSONValue.integer))
    }
    return .object(object)
  }

  /// How many reference scores each tier decided.
  static func decided(_ counts: ReferenceHead.Counts) -> JSONValue { .object(decidedMembers(counts)) }

  private static func decidedMembers(_ counts: ReferenceHead.Counts) -> JSONObject {
    [
      "scores": .integer(
        counts.sliced + counts.doubleDouble + counts.bounded + counts.relativeForm + counts.nonFinite),
      "decided_in_binary64": .integer(counts.sliced),
      "decided_in_double_double": .integer(counts.doubleDouble), "decided_by_bound": .integer(counts.bounded),
      "decided_by_relative_form": .integer(counts.relativeForm),
      "not_finite": .integer(counts.nonFinite),
    ]
  }

  private var reference: JSONValue {
    var object = Self.decidedMembers(results.referenceCounts)
    object["logits"] = "correctly rounded to binary64, nearest even"
    object["probabilities"] = .string(
      "default softmax of the rounded logits; relative error against the exact probabilities below "
        + "(n + 6)*2^-53 + 2^-50*max|s| for a row of n keys with logits s")
    return .object(object)
  }

  private var metadata: JSONObject {
    var object: JSONObject = [:]
    for (key, value) in results.experiment.input.metadata.sorted(by: { $0.key < $1.key }) {
      object[key] = .string(value)
    }
    return object
  }

  private var scale: String {
    switch results.experiment.scale {
    case .inverseSquareRootOfHeadSize: "1/sqrt(head size)"
    case .value(let literal): literal.text
    }
  }

  /// Seeds of the recipes' stochastic roundings and models, each once.
  private var seeds: [JSONValue] {
    let all =
      results.recipes.flatMap { $0.emulation.recipe.chains }.compactMap { entry -> UInt64? in
        if case .stochastic(let seed) = entry.chain.rounding { seed } else { nil }
      } + results.recipes.compactMap { $0.emulation.recipe.trig.ulpModel?.seed }
    return Set(all).sorted().map { .string(String($0)) }
  }

  private static func pair(_ shifts: ShiftPair) -> JSONValue {
    .array([.integer(shifts.first), .integer(shifts.second)])
  }
}
