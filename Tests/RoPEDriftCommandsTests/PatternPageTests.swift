// `patterns --html`: what the page and its pictures hold, and what can be wrong with them.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct PatternPageTests {
  private let scratch: ScratchFolder
  private let folder: PageFolder
  private let small = "synthetic:sink,heads=2,kv_heads=1,tokens=12,head_dim=4,layers=1"

  init() throws {
    scratch = try ScratchFolder()
    folder = PageFolder(scratch: scratch, page: "patterns.html")
  }

  private func patterns(_ arguments: String...) -> CommandResult {
    ropedrift(["patterns"] + arguments + ["-o", folder.path, "--html"])
  }

  @Test func thePageSetsPatternsSideBySide() throws {
    let result = patterns(
      small, "--documents", "3,9", "--pattern", "full", "--pattern", "anchor/reset", "--pattern",
      "anchor-copy/reset", "--recipe", "hf-bf16", "--recipe", "fp32")
    #expect(result.exit == .done, "\(result.talk)")
    let page = try folder.html()
    #expect(folder.isWellFormed(page) && !page.contains("<svg") && !page.contains("<script"))
    #expect(page.contains("2 documents of 3 to 9 tokens in a window of 12"))
    #expect(page.contains("--html</code>") && page.contains("Two forms of the anchor."))
    let description = try String(contentsOfFile: folder.path + "/datapackage.json", encoding: .utf8)
    #expect(description.contains("patterns.html") && description.contains("figures/visibility.vl.json"))

    // What bars show is what patterns.csv holds.
    let lines = try String(contentsOfFile: folder.path + "/patterns.csv", encoding: .utf8).split(
      separator: "\n")
    let header = lines[0].split(separator: ",", omittingEmptySubsequences: false)
    let rows = lines.dropFirst().map { line in
      Dictionary(
        uniqueKeysWithValues: zip(header, line.split(separator: ",", omittingEmptySubsequences: false)))
    }
    // As text: the digits are the same, and Foundation's reader of JSON is off by a last bit here and there. Bars are in the order of
    // recipes, then of patterns.
    let bars = try folder.text("patterns-drift-probability").split(separator: "\"d_weighted\":").dropFirst()
      .map { $0.prefix { $0 != "," && $0 != "}" } }
    let totals = ["hf-bf16", "fp32"].flatMap { recipe in
      rows.filter { $0["layer"] == "all" && $0["recipe"] ?? "" == recipe }
    }
    #expect(totals.count == 6 && bars == totals.compactMap { $0["d_weighted"] })
  }

  /// Twelve tokens, so that every cell of the grid is a pair.
  @Test func cellsOfTheGridAreTheMask() throws {
    #expect(
      patterns(
        small, "--documents", "2,3,7", "--pattern", "anchor+window:3", "--recipe", "hf-bf16"
      ).exit == .done)
    var expected: Set<[Int]> = []
    for query in 0..<12 {
      for key in 0...query {
        let document = { $0 < 2 ? 0 : $0 < 5 ? 1 : 2 }
        if key == 0 || query - key < 3 && document(query) == document(key) { expected.insert([query, key]) }
      }
    }
    let cells = try folder.values("visibility")
    let found = cells.compactMap { cell -> [Int]? in
      guard cell["pairs"] as? Int == 1, cell["part"] as? Double == 1, let query = cell["first_query"] as? Int,
        let key = cell["first_key"] as? Int
      else { return nil }
      return [query, key]
    }
    #expect(Set(found) == expected && found.count == cells.count)
  }

  @Test func aReportUnderAMaskSaysSoOnItsPage() throws {
    let report = ropedrift(
      "report", small, "--mask", "intra", "--positions", "reset", "--documents", "5,7", "--recipe", "hf-bf16",
      "--attribution", "none", "-o", folder.path, "--html")
    #expect(report.exit == .done, "\(report.talk)")
    let page = try String(contentsOfFile: folder.path + "/report.html", encoding: .utf8)
    #expect(page.contains("intra, positions reset") && page.contains("2 documents of 5 to 7 tokens"))
  }

  @Test func namesOfPositionFilesAreShownAsTheyAre() throws {
    let positions = try scratch.file("<b>&.json", Array("[0,1,2,3,4,5,6,7,8,9,10,12]".utf8))
    let result = patterns(
      small, "--documents", "12", "--pattern", "full/\(positions)", "--pattern", "full", "--recipe", "hf-bf16"
    )
    #expect(result.exit == .done, "\(result.talk)")
    let page = try folder.html()
    #expect(folder.isWellFormed(page) && page.contains("&lt;b&gt;&amp;.json") && !page.contains("<b>&"))
  }

  @Test func inputsWithoutValuesOrWithNaNsHaveAPageToo() throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    var query = (0..<32).map { Double($0 % 7) - 3 }
    query[13] = .nan
    try writer.add("layers.0.q", .f32, shape: [1, 8, 4], values: query)
    try writer.add("layers.0.k", .f32, shape: [1, 8, 4], values: (0..<32).map { Double($0 % 5) - 2 })
    let input = try scratch.file("nan.safetensors", writer.bytes())
    let result = patterns(
      input, "--documents", "3,5", "--pattern", "intra/reset", "--recipe", "hf-bf16", "--recipe", "fp32")
    #expect(result.exit == .done, "\(result.talk)")
    let page = try folder.html()
    #expect(folder.isWellFormed(page) && page.contains("layers.0.q holds 1 NaN"))
    let figures = try folder.entries("figures")
    #expect(!figures.contains("patterns-error-output.vl.json") && figures.contains("patterns-mass.vl.json"))
  }

  @Test func outputsThatAreNotFiniteAreSaid() throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for tensor in ["q", "k", "v"] {
      let values = (0..<16).map { tensor == "v" && $0 == 4 ? .infinity : Double($0 % 5) - 2 }
      try writer.add("layers.0.\(tensor)", .f32, shape: [1, 8, 2], values: values)
    }
    let input = try scratch.file("v.safetensors", writer.bytes())
    let result = patterns(input, "--pattern", "full", "--recipe", "fp32")
    #expect(result.exit == .done, "\(result.talk)")
    // Channel 0 of the third token: six queries see it.
    let found = "under full/continuous and fp32 the error of 6 of 16 elements of outputs is not finite"
    #expect(result.output.contains("warning: \(found)"), "\(result.output)")
    #expect(result.output.contains("warning: layers.0.v holds 0 NaN and 1 infinite values"))
    #expect(try folder.html().contains(found))
  }

  @Test func aSingleTokenIsEnough() throws {
    let result = patterns(
      "synthetic:normal,heads=1,kv_heads=1,tokens=1,head_dim=2,layers=1", "--recipe", "hf-bf16")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(try folder.isWellFormed(folder.html()))
  }

  @Test func aFailingRendererCostsThePicturesOnly() throws {
    let result = patterns(
      small, "--pattern", "intra", "--recipe", "hf-bf16", "--figure-renderer",
      try folder.renderer("echo broken; exit 1"))
    #expect(
      result.exit == .failed && result.talk.contains("is whole but holds no pictures"), "\(result.talk)")
    #expect(try folder.html().contains("because the figure renderer failed"))
  }

  @Test func thePageNeedsAFolder() throws {
    let page = ropedrift("patterns", small, "--html")
    #expect(page.exit == .wrongUsage && page.talk.contains("-o"), "\(page.talk)")
    let pictures = ropedrift("patterns", small, "--figure-renderer", "python3", "-o", folder.path)
    #expect(pictures.exit == .wrongUsage && pictures.talk.contains("--html"), "\(pictures.talk)")
  }

  @Test func theSameCommandGivesTheSamePageForAnyNumberOfThreads() throws {
    var contents: [[String: Data]] = []
    for threads in ["1", "3"] {
      let result = patterns(
        small, "--documents", "5,7", "--pattern", "full", "--pattern", "anchor", "--recipe", "hf-bf16",
        "--threads", threads, "--force")
      #expect(result.exit == .done, "\(result.talk)")
      contents.append(try folder.contents())
    }
    #expect(contents[0] == contents[1] && contents[0].count > 15)
  }
}
