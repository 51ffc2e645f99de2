// `report --html`: what the folder holds, and everything that can be wrong with names, inputs and the program that makes pictures.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct PageTests {
  private let scratch: ScratchFolder
  private let folder: PageFolder
  private let small = "synthetic:normal,heads=2,kv_heads=1,tokens=9,head_dim=2,layers=2"

  init() throws {
    scratch = try ScratchFolder()
    folder = PageFolder(scratch: scratch, page: "report.html")
  }

  private var out: String { folder.path }

  private func report(_ arguments: String...) -> CommandResult {
    ropedrift(["report"] + arguments + ["-o", out, "--html"])
  }

  @Test func withoutARendererThePageHoldsTables() throws {
    let result = report(
      small, "--sweep", "0,3", "--against-shift", "5", "--recipe", "fp32", "--recipe", "hf-bf16")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(
      try folder.entries() == [
        "angles.csv", "attribution.csv", "datapackage.json", "distances.csv", "figures", "frequencies.csv",
        "lengths.csv", "report.html", "run.json", "shifts.csv", "summary.csv", "tokens.csv",
      ])
    let figures = try folder.entries("figures")
    #expect(figures.allSatisfy { $0.hasSuffix(".vl.json") } && figures.count == 15, "\(figures)")
    let page = try folder.html()
    #expect(folder.isWellFormed(page))
    #expect(!page.contains("<svg") && !page.contains("<script") && !page.contains("http"))
    #expect(
      page.contains("--figure-renderer") && page.contains("ropedrift report") && page.contains("--html"))
    // The greatest D stands in the findings as it stands in the terminal.
    let line = try #require(result.output.split(separator: "\n").first { $0.hasPrefix("hf-bf16") })
    let d = try #require(line.split(separator: " ").dropFirst(2).first)
    #expect(page.contains("is greatest under hf-bf16, \(d)"), "\(d)")
  }

  @Test func specificationsHoldTheFiguresOfTheTables() throws {
    #expect(report(small, "--recipe", "hf-bf16").exit == .done)
    let summary = try String(contentsOfFile: out + "/summary.csv", encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    let column = try #require(summary[0].firstIndex(of: "d_weighted"))
    // Foundation's reader of numbers is not exact, so texts are compared.
    #expect(try folder.text("ladder-probability").contains("\"d_weighted\":\(summary[1][column]),"))
    let tokens = try String(contentsOfFile: out + "/tokens.csv", encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    let share = try #require(tokens[0].firstIndex(of: "share"))
    // Nine keys: every one stands alone.
    let logits = tokens.filter { $0[3] == "logit" }
    let text = try folder.text("tokens-logit")
    #expect(logits.count == 9)
    for row in logits {
      #expect(text.contains("\"last_key\":\(row[4]),") && text.contains("\"mean\":\(row[share]),"))
    }
  }

  @Test func picturesOfTheRendererStandInThePage() throws {
    let python = try folder.renderer(
      "printf '<svg xmlns=\"http://www.w3.org/2000/svg\"><g id=\"a\"/></svg>' >\"${f%.vl.json}.svg\"")
    let result = report(small, "--recipe", "fp32", "--figure-renderer", python)
    #expect(result.exit == .done, "\(result.talk)")
    let files = try folder.entries("figures")
    let pictures = files.filter { $0.hasSuffix(".svg") }
    #expect(pictures.count * 2 == files.count && !pictures.isEmpty)
    let page = try folder.html()
    #expect(folder.isWellFormed(page))
    #expect(page.components(separatedBy: "<svg").count == pictures.count + 1)
    #expect(page.contains("id=\"ladder-logit-a\"") && page.contains("id=\"tokens-probability-a\""))
    // A report with a page is replaced as one without is.
    #expect(report(small, "--recipe", "fp32", "--force").exit == .done)
    #expect(try !folder.entries("figures").contains { $0.hasSuffix(".svg") })
    try Data([1]).write(to: URL(fileURLWithPath: out + "/figures/mine.svg"))
    let foreign = report(small, "--recipe", "fp32", "--force")
    #expect(foreign.exit == .wrongUsage && foreign.talk.contains("figures/mine.svg"), "\(foreign.talk)")
  }

  @Test(
    arguments: [
      ("echo broken >&2; exit 3", "broken"), (":", "made no picture"),
      ("printf '<svg><script/></svg>' >\"${f%.vl.json}.svg\"", "made no picture"),
    ])
  func aFailingRendererCostsThePicturesOnly(work: String, message: String) throws {
    let result = report(small, "--recipe", "fp32", "--figure-renderer", try folder.renderer(work))
    #expect(result.exit == .failed && result.talk.contains(message), "\(result.talk)")
    #expect(result.talk.contains("is whole but holds no pictures"))
    #expect(try folder.entries("figures").allSatisfy { $0.hasSuffix(".vl.json") })
    #expect(try folder.html().contains("the figure renderer failed"))
  }

  @Test func aRendererThatIsNotThereIsRefusedBeforeAnyWork() throws {
    let missing = report(small, "--figure-renderer", scratch.path + "/no-python")
    #expect(missing.exit == .failed && missing.talk.contains("there is no such program"), "\(missing.talk)")
    let script = try scratch.file("python", Array("#!/bin/sh\necho no package here >&2\nexit 1\n".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
    let bare = report(small, "--figure-renderer", script)
    #expect(
      bare.exit == .failed && bare.talk.contains("no package here") && bare.talk.contains("pip install"))
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  @Test func optionsOfThePageNeedThePage() {
    for arguments in [["--figure-renderer", "python3"], ["--attribution", "fp32"]] {
      let result = ropedrift(["report", small] + arguments + ["-o", out])
      #expect(result.exit == .wrongUsage && result.talk.contains("--html"), "\(result.talk)")
    }
    let unknown = report(small, "--recipe", "hf-bf16", "--attribution", "hf-bf61")
    #expect(unknown.exit == .wrongUsage && unknown.talk.contains("did you mean 'hf-bf16'"), "\(unknown.talk)")
  }

  @Test func whatIsTakenApartIsChosenAndSaid() throws {
    #expect(report(small, "--recipe", "fp32", "--recipe", "hf-bf16", "--attribution", "fp32").exit == .done)
    #expect(
      try folder.html().contains("Stages of fp32, logits") && !folder.html().contains("Stages of hf-bf16"))
    #expect(report(small, "--recipe", "fp32", "--attribution", "none", "--force").exit == .done)
    #expect(
      try folder.html().contains("--attribution RECIPE") && !folder.entries().contains("attribution.csv"))
  }

  @Test func namesThatMeanSomethingElsewhereAreShownAsTheyAre() throws {
    let name = #"</title><script>"a" & 'b'"# + "\u{202E}]]>"
    let text = try #require(RecipeRegistry.json(ofRecipe: "hf-bf16"))
    var object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    object["name"] = name
    object["summary"] = "<u>&"
    let path = try scratch.file("mine.json", Array(try JSONSerialization.data(withJSONObject: object)))
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for tensor in ["q", "k"] {
      try writer.add(
        "layers.0.\(tensor)", .f32, shape: [1, 9, 2], values: (0..<18).map { Double($0 * 7 % 11) / 7 - 0.6 })
    }
    let input = try scratch.file("<i>&\n\"'.safetensors", writer.bytes())
    let result = report(input, "--recipe", path, "--recipe", "fp32")
    #expect(result.exit == .done, "\(result.talk)")
    let page = try folder.html()
    #expect(page.contains("&lt;i&gt;&amp;\\u{A}&quot;&#39;.safetensors") && !page.contains("<i>"))
    #expect(folder.isWellFormed(page) && !page.contains("<script") && !page.contains("<u>"))
    #expect(page.contains("&lt;/title&gt;&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\\u{202E}]]&gt;"))
    let shown = try folder.values("ladder-logit").compactMap { $0["recipe"] as? String }
    #expect(shown.contains(#"</title><script>"a" & 'b'\u{202E}]]>"#), "\(shown)")
  }

  @Test(arguments: [1, 3])
  func aFewTokensAreEnough(tokens: Int) throws {
    let result = report(
      "synthetic:normal,heads=1,kv_heads=1,tokens=\(tokens),head_dim=2,layers=1", "--recipe", "hf-bf16")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(try folder.isWellFormed(folder.html()))
    // A single key has probability 1 whatever its logit.
    #expect(try folder.entries("figures").contains("tokens-probability.vl.json") == (tokens > 1))
  }

  @Test func whatIsNotFiniteIsCounted() throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    var query = (0..<40).map { Double($0 % 7) - 3 }
    query[5] = .nan
    query[9] = .infinity
    try writer.add("layers.0.q", .f32, shape: [1, 10, 4], values: query)
    try writer.add("layers.0.k", .f32, shape: [1, 10, 4], values: (0..<40).map { Double($0 % 5) - 2 })
    let input = try scratch.file("nan.safetensors", writer.bytes())
    let result = report(input, "--recipe", "hf-bf16", "--recipe", "fp32")
    #expect(result.exit == .done, "\(result.talk)")
    let page = try folder.html()
    #expect(folder.isWellFormed(page))
    #expect(page.contains("layers.0.q holds 1 NaN and 1 infinite values") && page.contains("is not finite"))
    for file in try folder.entries("figures") {
      let text = try String(contentsOfFile: out + "/figures/" + file, encoding: .utf8)
      #expect(!text.contains("\"NaN\"") && !text.contains("INF\""))
    }
  }

  @Test func everyPairOfShiftsHasItsPicturesUpToFour() throws {
    let pairs = (1...5).flatMap { ["--shifts", "0,\($0)"] }
    #expect(ropedrift(["report", small, "--recipe", "fp32", "-o", out, "--html"] + pairs).exit == .done)
    let files = try folder.entries("figures")
    #expect(files.contains("tokens-logit-4.vl.json") && !files.contains("tokens-logit-5.vl.json"))
    let page = try folder.html()
    #expect(folder.isWellFormed(page) && page.contains("1 more pair of shifts has no pictures"))
  }

  @Test func theSameCommandGivesTheSamePageForAnyNumberOfThreads() throws {
    var contents: [[String: Data]] = []
    for threads in ["1", "3"] {
      #expect(report(small, "--recipe", "table-bf16", "--threads", threads, "--force").exit == .done)
      contents.append(try folder.contents())
    }
    #expect(contents[0] == contents[1] && contents[0].count > 20)
  }
}
