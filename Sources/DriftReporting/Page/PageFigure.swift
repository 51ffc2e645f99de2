// A picture of a page and the table behind it.

/// A picture: its specification and the figures behind it.
public struct PageFigure: Sendable {
  /// The name of its files without suffix, such as `tokens-logit`.
  public let name: String
  /// The part of the page that it stands in.
  public let section: PageSection
  /// The pair of shifts that it is about, an index into those of the page; nil for all.
  public let comparison: Int?
  /// What it shows, in a few words.
  public let title: String
  /// What stands below it: how it was made and what was left out.
  public let caption: String
  /// The Vega-Lite specification, data inside.
  public let specification: JSONValue
  /// The figures behind it.
  public let table: PageTable

  /// A picture whose heading inside is its title.
  ///
  /// - Parameters:
  ///   - subtitle: the lines below the heading, which say what the marks mean.
  ///   - description: what a reader who cannot see the picture is told.
  ///   - body: data, sizes and marks; see ``VegaLite/specification(title:subtitle:description:_:)``.
  init(
    name: String, section: PageSection, comparison: Int?, title: String, caption: String, subtitle: [String],
    description: String, body: [(String, JSONValue)], table: PageTable
  ) {
    (self.name, self.section, self.comparison, self.title) = (name, section, comparison, title)
    (self.caption, self.table) = (caption, table)
    specification = VegaLite.specification(title: title, subtitle: subtitle, description: description, body)
  }

  /// The name of the specification's file in the report folder.
  public var specificationFile: String { "\(Self.folder)/\(name)\(Self.suffix)" }
  /// The name of the picture's file in the report folder.
  public var pictureFile: String { "\(Self.folder)/\(name).svg" }

  /// The folder of specifications and pictures.
  public static let folder = "figures"
  static let suffix = ".vl.json"

  /// A name with the number of the comparison, from the second on.
  static func name(_ base: String, _ comparison: Int?) -> String {
    guard let comparison, comparison > 0 else { return base }
    return "\(base)-\(comparison + 1)"
  }
}

/// A table on a page.
public struct PageTable: Sendable, Hashable {
  /// Headings.
  public let header: [String]
  /// Rows, a cell for each heading.
  public let rows: [[Cell]]
  /// The file that holds all figures to their last digit.
  public let source: String

  init(header: [String], rows: [[Cell]], source: String) {
    precondition(rows.allSatisfy { $0.count == header.count }, "a cell for each heading")
    (self.header, self.rows, self.source) = (header, rows, source)
  }
}
