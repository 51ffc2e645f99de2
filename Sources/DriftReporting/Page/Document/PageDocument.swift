// The page: title, what was run, the verdict, then pictures with the tables behind them. Readable without scripts, of which it has none. It is
// well-formed XML too, so that any XML reader can check it.

/// Makes the text of a page.
struct PageDocument {
  private let content: PageContent
  private let figures: [PageFigure]
  /// The picture of each figure; nil where none was made.
  private let pictures: [String]?
  /// What is said where there are none.
  private let pictureNote: String?

  init(_ content: PageContent, figures: [PageFigure], pictures: [String]?, pictureNote: String?) {
    (self.content, self.figures) = (content, figures)
    (self.pictures, self.pictureNote) = (pictures, pictureNote)
  }

  /// The whole page.
  var html: String {
    let input = AlignedTextTable.visible(content.input)
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
      \(HTMLText.element("h1", "\(content.subject): \(input)"))
      \(navigation)
      \(run)
      <h2 id="verdict">What was found</h2>
      \(verdict)
      \(content.sections.map(section).joined())
      \(files)
      </main>
      </body>
      </html>

      """
  }

  private var navigation: String {
    let links =
      [("verdict", "What was found")] + content.sections.map { ($0.identifier, $0.title) } + [
        ("files", "Files")
      ]
    return "<nav>"
      + links.map { HTMLText.element("a", $1, "href=\"#\($0)\"") }.joined(separator: "\n") + "</nav>"
  }

  private var run: String {
    let recipes = content.recipes.map { name, summary in
      "<li>" + HTMLText.element("b", name) + " " + HTMLText.escaped(summary) + "</li>"
    }
    return """
      <p>\(content.introduction)</p>
      <dl class="run">\(content.run.map { HTMLText.element("dt", $0) + HTMLText.element("dd", $1) }.joined(separator: "\n"))</dl>
      <p>This command makes the same report again:</p>
      <pre><code>\(HTMLText.escaped(content.commandLine))</code></pre>
      <details><summary>\(PageText.count(recipes.count, "recipe"))</summary><ul>\(recipes.joined(separator: "\n"))</ul></details>
      \(pictureNote.map { HTMLText.element("p", $0, "class=\"note\"") } ?? "")
      """
  }

  private var verdict: String {
    let findings = content.findings.map { finding in
      "<li>" + HTMLText.element("b", finding.heading + ".") + " " + HTMLText.escaped(finding.text) + "</li>"
    }
    return "<ul class=\"verdict\">\(findings.joined(separator: "\n"))</ul>\n"
      + HTMLText.element("p", content.findingsNote, "class=\"source\"")
  }

  // MARK: Pictures

  private func section(_ section: PageSection) -> String {
    let own = figures.indices.filter { figures[$0].section == section }
    var html = "\n<h2 id=\"\(section.identifier)\">\(HTMLText.escaped(section.title))</h2>\n"
    html += HTMLText.element("p", section.introduction) + "\n"
    guard !own.isEmpty else { return html + HTMLText.element("p", section.absence, "class=\"note\"") + "\n" }
    let first = own.filter { (figures[$0].comparison ?? 0) == 0 }
    html += group(first)
    for (comparison, shifts) in content.comparisons.enumerated().dropFirst() {
      let others = own.filter { figures[$0].comparison == comparison }
      guard !others.isEmpty else { continue }
      html += "<details><summary>\(HTMLText.escaped("Shifts \(shifts)"))</summary>\n"
      html += group(others) + "</details>\n"
    }
    let left = content.comparisonsLeft
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
    let tables = content.tables.map { table in
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
