// What a page says, whatever it is about; the document around it is the same.

/// One finding: a heading and sentences.
struct Finding: Sendable, Hashable {
  /// What it is about.
  let heading: String
  /// Sentences.
  let text: String
}

extension Finding {
  /// What is NaN or infinite, or that nothing is.
  init(nonFinite parts: [String]) {
    self.init(
      heading: "NaN and infinity",
      text: parts.isEmpty
        ? "None, in the input or in any difference."
        : "Counted here and in no other figure: \(PageText.list(parts, atMost: 40)).")
  }
}

/// The words of a page. Names of inputs and recipes are shown as texts, whatever they hold.
struct PageContent {
  /// What was measured of the input, as the heading says it.
  let subject: String
  /// The input as it was named.
  let input: String
  /// What the reader has to know, with marks of HTML in it: no words of the user's.
  let introduction: String
  /// What was run, line by line.
  let run: [(String, String)]
  /// The command that makes the same again.
  let commandLine: String
  /// Names and descriptions of recipes.
  let recipes: [(name: String, summary: String)]
  /// What the figures say.
  let findings: [Finding]
  /// What has to be known to read the findings.
  let findingsNote: String
  /// The parts that hold pictures.
  let sections: [PageSection]
  /// The pairs of shifts that have pictures of their own, in words.
  let comparisons: [String]
  /// How many more there are.
  let comparisonsLeft: Int
  /// Tables beside the page.
  let tables: [TableDescription]
}
