// The models that have a name. Each is one JSON file in Named/, compiled into the library.

import FloatingPointFormats
import Foundation

/// The named models, and configurations as models.
public enum ModelRegistry {
  /// The files, in the order in which models are listed. A model is added by its file and a line here and in Package.swift.
  private static let files: [(name: String, bytes: [UInt8])] = [
    ("llama-2-7b", PackageResources.llama_2_7b_json),
    ("llama-3-8b", PackageResources.llama_3_8b_json),
    ("llama-3.1-8b", PackageResources.llama_3_1_8b_json),
    ("mistral-7b-v0.3", PackageResources.mistral_7b_v0_3_json),
    ("qwen-1.5-1.8b", PackageResources.qwen_1_5_1_8b_json),
    ("qwen2.5-7b", PackageResources.qwen2_5_7b_json),
    ("qwen2.5-7b-instruct", PackageResources.qwen2_5_7b_instruct_json),
    ("qwen3-8b", PackageResources.qwen3_8b_json),
    ("qwen3-8b-base", PackageResources.qwen3_8b_base_json),
    ("gemma-2-9b", PackageResources.gemma_2_9b_json),
    ("gemma-3-4b", PackageResources.gemma_3_4b_json),
    ("phi-4-mini", PackageResources.phi_4_mini_json),
    ("smollm2-135m", PackageResources.smollm2_135m_json),
    ("gpt-neox-20b", PackageResources.gpt_neox_20b_json),
    ("gpt-j-6b", PackageResources.gpt_j_6b_json),
    ("deepseek-v3", PackageResources.deepseek_v3_json),
  ]

  /// The names, in the order in which they are listed.
  public static let names = files.map(\.name)

  /// All named models.
  public static let all: [AttentionModel] = names.map { try! named($0) }

  /// The model of a name.
  ///
  /// - Throws: ``ModelError/unknownName(_:suggestion:)``.
  public static func named(_ name: String) throws -> AttentionModel {
    guard let file = files.first(where: { $0.name == name }) else {
      throw ModelError.unknownName(name, suggestion: nearestName(to: name, among: names))
    }
    return try AttentionModel(namedFile: Data(file.bytes), origin: name)
  }

  /// A model by name, or from a Hugging Face configuration where the argument ends in `.json`, holds a slash or names an
  /// existing file.
  ///
  /// - Throws: ``ModelError``.
  public static func model(nameOrPath: String) throws -> AttentionModel {
    if names.contains(nameOrPath) { return try named(nameOrPath) }
    let isPath =
      nameOrPath.hasSuffix(".json") || nameOrPath.contains("/")
      || FileManager.default.fileExists(atPath: nameOrPath)
    guard isPath else { return try named(nameOrPath) }
    guard let data = FileManager.default.contents(atPath: nameOrPath) else {
      throw ModelError.unreadable(file: nameOrPath)
    }
    return try AttentionModel(configuration: data, file: nameOrPath)
  }
}
