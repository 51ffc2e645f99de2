// The parts of a page about patterns.

extension PageSection {
  /// In their order.
  static let ofPatterns: [PageSection] = [.visibility, .patterns, .cost, .patternTokens, .documents]

  static let visibility = PageSection(
    "visibility", title: "Who sees whom",
    introduction:
      "The window as a kernel sees it: queries from top to bottom, keys from left to right. The stronger a cell's colour, the more of its pairs "
      + "of a query and a key not after it the pattern lets through. Two forms of an anchor, shared and copied, have the same pairs."
  )

  static let patterns = PageSection(
    "patterns", title: "Patterns side by side",
    introduction:
      "The same tokens, recipes, shifts and documents under each pattern. Bars start at zero; each recipe has a scale of its own, so that "
      + "bars of one panel can be compared and those of different panels cannot. Patterns have different pairs: every mean is over the "
      + "pairs or queries that the pattern has. Fixed q and k: a model trained under another mask has others."
  )

  static let cost = PageSection(
    "cost", title: "Pairs, blocks and positions",
    introduction:
      "What a pattern costs and how far its positions reach, without a shift. None of it depends on a recipe."
  )

  static let patternTokens = PageSection(
    "tokens", title: "Drift per token",
    introduction:
      "A key's share is its part of the sum of |δ| over all pairs of a pattern, unweighted, beside the uniform share: what the key would "
      + "have if drift fell on all pairs alike. Where documents do not see each other, the first token of the window loses its queries, and the "
      + "first tokens of other documents take its place or do not.")

  static let documents = PageSection(
    "documents", title: "First tokens of documents",
    introduction:
      "Part of the sum of |δ| that falls on the first tokens of documents, as a multiple of their part of all pairs: at 1 a first token is a "
      + "token like any other. Unweighted, absolute.")
}
