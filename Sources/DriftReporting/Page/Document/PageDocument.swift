// The page: title, what was run, the verdict, then pictures with the tables behind them. Readable without scripts, of which it has none. It is
// well-formed XML too, so that any XML reader can check it.

import DriftAnalysis
import FloatingPointFormats

/// Makes the text of `report.html`.
struct PageDocument {
  private let data: PageData
  private let figures: [PageFigure]
  /// The picture of each figure; nil where none was made.
  private let pictures: [String]?
  /// What is said where there are none.
  private let pictureNote: String?

  init(_ data: PageData, figures: [PageFigure], pictures: [String]?, pictureNote: String?) {
    (self.data, self.figures, self.pictures, self.pictureNote) = (data, figures, pictures, pictureNote)
  }

  /// The whole page.
  var html: String {
    let input = AlignedTextTable.visible(data.results.experiment.input.spelling)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta name="color-scheme" content="light dark"/>
      \(HTMLText.element("title", "RoPEDrift: \(input)"))
      <style>
      \(PageStyle.sheet)
      </style>
      </head>
      <body>
      <main>
      \(HTMLText.element("h1", "Drift of rotary attention: \(input)"))
      \(navigation)
      \(run)
      <h2 id="verdict">What was found</h2>
      \(verdict)
      \(PageSection.allCases.map(section).joined())
      \(files)
      </main>
      </body>
      </html>

      """
  }

  private var navigation: String {
    let links =
      [("verdict", "What was found")] + PageSection.allCases.map { ($0.rawValue, $0.title) } + [
        ("files", "Files")
      ]
    return "<nav>"
      + links.map { HTMLText.element("a", $1, "href=\"#\($0)\"") }.joined(separator: "\n") + "</nav>"
  }

  // MARK: What was run

  private var run: String {
    let experiment = data.results.experiment
    let shape = experiment.shape
    let embedding = experiment.embedding
    func pairs(_ pairs: [ShiftPair]) -> String {
      PageText.list(pairs.map { "\($0.first) against \($0.second)" }, atMost: 24)
    }
    var rows: [(String, String)] = [
      ("Input", "\(experiment.input.spelling), SHA-256 \(data.record.inputIdentity)"),
      (
        "Shape",
        (shape.queryTokens == shape.keyTokens
          ? PageText.count(shape.keyTokens, "token")
          : "\(PageText.count(shape.queryTokens, "query token")), \(PageText.count(shape.keyTokens, "key token"))")
          + ", \(PageText.count(shape.heads, "head")) on \(PageText.count(shape.keyValueHeads, "key head")) of "
          + PageText.count(embedding.headSize, "channel")
      ),
      (
        "Measured",
        "layers \(PageText.indices(experiment.layers)); heads \(PageText.indices(experiment.heads))"
      ),
      (
        "Rotation",
        "\(embedding.rotarySize) channels, \(embedding.layout.rawValue), base \(embedding.base.text), scaling "
          + (embedding.scaling.isDefault ? "none" : embedding.scaling.spelling)
      ),
      ("Shifts", pairs(experiment.comparisons)),
    ]
    for second in Set(experiment.sweep.map(\.second)).sorted() {
      let firsts = experiment.sweep.filter { $0.second == second }.map { String($0.first) }
      rows.append(("Sweep", "\(PageText.list(firsts, atMost: 40)) against \(second)"))
    }
    let recipes = data.recipes.map { name, recipe in
      "<li>" + HTMLText.element("b", name) + " " + HTMLText.escaped(recipe.emulation.recipe.summary) + "</li>"
    }
    return """
      <p>For each recipe the attention of a model is emulated bit by bit at two shifts of all positions. Exact arithmetic would give the \
      same logits twice; what differs is <b>drift</b>. The same q and k at both shifts (isolated mode): what a whole model makes of it is \
      not shown, nor is any hardware measured.</p>
      <dl class="run">\(rows.map { HTMLText.element("dt", $0) + HTMLText.element("dd", $1) }.joined(separator: "\n"))</dl>
      <p>This command makes the same report again:</p>
      <pre><code>\(HTMLText.escaped(data.record.commandLine))</code></pre>
      <details><summary>\(PageText.count(recipes.count, "recipe"))</summary><ul>\(recipes.joined(separator: "\n"))</ul></details>
      \(pictureNote.map { HTMLText.element("p", $0, "class=\"note\"") } ?? "")
      """
  }

  private var verdict: String {
    let findings = Verdict.findings(data).map { finding in
      "<li>" + HTMLText.element("b", finding.heading + ".") + " " + HTMLText.escaped(finding.text) + "</li>"
    }
    let shifts =
      data.results.experiment.comparisons.isEmpty
      ? "" : " About shifts \(data.shifts(0)) where nothing else is said."
    return "<ul class=\"verdict\">\(findings.joined(separator: "\n"))</ul>\n"
      + HTMLText.element(
        "p",
        "δs: difference of a logit between the two shifts. δA: of a probability. \(data.scopeInWords).\(shifts)",
        "class=\"source\"")
  }

  // MARK: Pictures

  private func section(_ section: PageSection) -> String {
    let own = figures.indices.filter { figures[$0].section == section }
    var html = "\n<h2 id=\"\(section.rawValue)\">\(HTMLText.escaped(section.title))</h2>\n"
    html += HTMLText.element("p", section.introduction) + "\n"
    guard !own.isEmpty else { return html + HTMLText.element("p", section.absence, "class=\"note\"") + "\n" }
    let first = own.filter { (figures[$0].comparison ?? 0) == 0 }
    html += group(first)
    for comparison in data.picturedComparisons.dropFirst() {
      let others = own.filter { figures[$0].comparison == comparison }
      guard !others.isEmpty else { continue }
      html += "<details><summary>\(HTMLText.escaped("Shifts \(data.shifts(comparison))"))</summary>\n"
      html += group(others) + "</details>\n"
    }
    let left = data.results.experiment.comparisons.count - data.picturedComparisons.count
    if left > 0, own.contains(where: { figures[$0].comparison != nil }) {
      html += HTMLText.element(
        "p",
        "\(left == 1 ? "1 more pair of shifts has" : "\(left) more pairs of shifts have") no pictures; the CSV files hold them.",
        "class=\"note\"")
    }
    return html
  }

  private func group(_ indices: [Int]) -> String {
    "<div class=\"pictures\">\n" + indices.map(figure).joined() + "</div>\n"
  }

  private func figure(_ index: Int) -> String {
    let figure = figures[index]
    let heading = figure.title
    var html = "<figure id=\"figure-\(HTMLText.escaped(figure.name))\">\n"
    if let picture = pictures?[index] {
      html += "<div class=\"picture\" role=\"img\" aria-label=\"\(HTMLText.escaped(heading))\">"
      html += EmbeddedPicture.embedded(picture, in: figure.name) + "</div>\n"
    } else {
      html += HTMLText.element("h3", heading) + "\n"
    }
    html += "<figcaption>\(HTMLText.escaped(figure.caption)) "
    html += "<a href=\"\(figure.specificationFile)\">Specification</a></figcaption>\n"
    let isShort = figure.table.rows.count <= 12 && pictures == nil
    html +=
      "<details\(isShort ? " open=\"open\"" : "")><summary>The figures behind it</summary>\n\(HTMLText.table(figure.table))</details>\n"
    return html + "</figure>\n"
  }

  // MARK: Files

  private var files: String {
    let tables = DriftReport.package(withPage: data.measurements).tables.map { table in
      "<li><a href=\"\(table.fileName)\">\(table.fileName)</a>: \(HTMLText.escaped(table.title))</li>"
    }
    return """
      <h2 id="files">Files</h2>
      <ul>\(tables.joined(separator: "\n"))
      <li><a href="run.json">run.json</a>: what was run, versions, recipes in full</li>
      <li><a href="datapackage.json">datapackage.json</a>: the meaning of every column</li>
      <li>figures/: a Vega-Lite specification for each picture, data inside\(pictures == nil ? "" : ", and the picture as SVG")</li></ul>

      """
  }
}
