// The cases that ship with the package. Each is one JSON file in Cases/, compiled into the library.

import FloatingPointFormats
import Foundation

/// The named cases.
public enum CaseRegistry {
  /// The names, in the order in which they are listed.
  public static let names = files.map(\.name)

  /// All named cases, in the order in which they are listed.
  public static let all: [PublishedCase] = names.map { try! named($0) }

  /// The case of a name.
  ///
  /// - Throws: ``CaseError/unknownName(_:suggestion:)``.
  public static func named(_ name: String) throws -> PublishedCase {
    guard let file = files.first(where: { $0.name == name }) else {
      throw CaseError.unknownName(name, suggestion: nearestName(to: name, among: names))
    }
    return try PublishedCase(json: Data(file.bytes), origin: name)
  }

  /// The JSON text of a named case, as it stands in its file.
  public static func json(ofCase name: String) -> String? {
    files.first { $0.name == name }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// A case by name, or from a file where the argument ends in `.json` or names an existing file.
  ///
  /// - Throws: ``CaseError``.
  public static func publishedCase(nameOrPath: String) throws -> PublishedCase {
    if names.contains(nameOrPath) { return try named(nameOrPath) }
    let isFile = FileManager.default.fileExists(atPath: nameOrPath)
    guard isFile || nameOrPath.hasSuffix(".json") else { return try named(nameOrPath) }
    guard let data = FileManager.default.contents(atPath: nameOrPath) else {
      throw CaseError.malformed(
        file: nameOrPath, reason: "the file cannot be read; check the path and that it is a plain file")
    }
    return try PublishedCase(json: data, origin: nameOrPath)
  }
}
