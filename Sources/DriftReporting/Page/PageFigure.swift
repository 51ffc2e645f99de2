// The pictures of a page. A new one is a file in Figures/ with a value of FigureKind and a line in `all`.

import DriftAnalysis

/// A picture: its specification and the figures behind it.
public struct PageFigure: Sendable {
  /// The name of its files without suffix, such as `tokens-logit`.
  public let name: String
  /// The part of the page that it stands in.
  public let section: PageSection
  /// The pair of shifts that it is about, an index into the experiment's; nil for all.
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

/// A kind of picture: makes its pictures of a run, none where there is nothing to show.
struct FigureKind: Sendable {
  let make: @Sendable (PageData) -> [PageFigure]

  /// Every kind, in the order of the page.
  static let all: [FigureKind] = [
    .ladder, .tokens, .shifts, .lengths, .distances, .heads, .stages, .angles,
  ]
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

/// The parts of a page, in its order.
public enum PageSection: String, Sendable, Hashable, CaseIterable {
  case ladder, tokens, shifts, lengths, distances, heads, stages, angles

  /// The heading.
  var title: String {
    switch self {
    case .ladder: "Recipes side by side"
    case .tokens: "Drift per token"
    case .shifts: "Drift over shifts"
    case .lengths: "First token over length"
    case .distances: "Drift and error over distance"
    case .heads: "Layers and heads"
    case .stages: "Which rounding is to blame"
    case .angles: "Errors of angles"
    }
  }

  /// What is shown and how to read it.
  var introduction: String {
    switch self {
    case .ladder:
      "D is the weighted sum of |δA| over all pairs (Eq. 4 of Wang et al. 2024: every key counts alike, however few queries see it). "
        + "D_logit is the mean |δs| of the first token alone, summed over heads (Eq. 5). Both are sums of magnitudes and grow with "
        + "the number of heads; neither says anything of the sign."
    case .tokens:
      "A key's share is its part of the sum of |δ| over all pairs, unweighted. Read it against the uniform share: what the key would "
        + "have if drift fell on all pairs alike. A large share of probabilities may only mean much attention: drift there is a "
        + "logit's change times the probability."
    case .shifts:
      "The same recipes with positions shifted by Δ₁ against Δ₂. A recipe whose D grows with |Δ₁ − Δ₂| loses accuracy with the position; "
        + "a flat line shows rounding that any shift rearranges."
    case .lengths:
      "D_logit of each prefix, as if the sequence ended there: logits, absolute, first token only, all heads summed."
    case .distances:
      "Drift compares a recipe with itself at two shifts; error compares it with the exact reference at the first. They answer "
        + "different questions and stand in different pictures. Each point is a mean of magnitudes over all pairs of its distance."
    case .heads:
      "The area of a disc is a head's figure as a part of the same recipe's greatest head, so discs of different recipes cannot be compared."
    case .stages:
      "One stage rounded alone, all others carried in fp64: the root mean square drift that this leaves, beside the whole recipe's. "
        + "Parts need not add up: roundings cancel and reinforce each other."
    case .angles:
      "Greatest |stored angle − position · frequency| in radians, not wrapped, for rotary pairs from the fastest to the slowest. An error "
        + "of an angle is drift only where it differs between query and key; near 1 rad cos and sin are noise."
    }
  }

  /// What stands in the place of pictures that a run does not have.
  var absence: String {
    switch self {
    case .shifts:
      "Not measured. --sweep 0,2,4,8,15,17,100 --against-shift 16 adds a picture of D over Δ₁."
    case .stages: "Not measured. --attribution RECIPE takes a recipe apart on its worst head."
    default: "There is nothing to draw: no figure of this kind is finite and above zero."
    }
  }
}
