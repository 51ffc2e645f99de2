// A folder with a page, as tests of pages read it.

import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The folder `out` of a scratch folder.
struct PageFolder {
  let scratch: ScratchFolder
  /// The page's file.
  let page: String

  var path: String { scratch.path + "/out" }

  func entries(_ folder: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
  }

  func html() throws -> String { try String(contentsOfFile: path + "/" + page, encoding: .utf8) }

  /// The specification of a picture.
  func specification(_ name: String) throws -> [String: Any] {
    let data = try #require(FileManager.default.contents(atPath: path + "/figures/\(name).vl.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/figures/\(name).vl.json", encoding: .utf8)
  }

  func values(_ name: String) throws -> [[String: Any]] {
    let data = try #require(try specification(name)["data"] as? [String: Any])
    return try #require(data["values"] as? [[String: Any]])
  }

  func isWellFormed(_ text: String) -> Bool { XMLParser(data: Data(text.utf8)).parse() }

  /// A program that answers as a Python with the package does; `work` is done for every specification, whose path is $f.
  func renderer(_ work: String) throws -> String {
    let script = "#!/bin/sh\nshift 2\n[ $# -gt 0 ] || { echo 9.9; exit 0; }\nfor f; do\n\(work)\ndone\n"
    let path = try scratch.file("python", Array(script.utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return path
  }

  /// Every file, by its path.
  func contents() throws -> [String: Data] {
    let files = try FileManager.default.subpathsOfDirectory(atPath: path)
    return Dictionary(
      uniqueKeysWithValues: files.map {
        ($0, FileManager.default.contents(atPath: path + "/" + $0) ?? Data())
      })
  }
}
