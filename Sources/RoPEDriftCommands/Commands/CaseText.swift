// Cases as text: the table of all claims, and the working of one case.

import RoPEDrift

/// The table of claims.
enum CaseClaimTable {
  /// Digits of exact numbers in the table.
  static let digits = 8

  /// One row a claim, then how many came out which way.
  static func text(of outcomes: [CaseOutcome]) throws -> String {
    var table = AlignedTextTable(header: ["case", "claim", "published", "computed", "verdict"])
    for outcome in outcomes {
      for (index, claim) in outcome.claims.enumerated() {
        table.append([
          .string(index == 0 ? outcome.publishedCase.name : ""), .string(claim.claim.says),
          .string(shortened(claim.claim.published)),
          .string(
            try claim.computed.map { shortened(try $0.numbers.map { try $0.text(digits: digits) }) } ?? "-"),
          .string(verdict(claim)),
        ])
      }
    }
    let claims = outcomes.flatMap(\.claims)
    let counts = CaseVerdict.allCases.map { verdict in
      "\(claims.count { $0.verdict == verdict }) \(verdict.inWords)"
    }
    return table.text + "\(outcomes.count) cases, \(claims.count) claims: \(counts.joined(separator: ", "))\n"
      + (claims.contains { $0.claim.assumption != nil }
        ? "*: under an assumption, which 'ropedrift cases NAME' states\n" : "")
  }

  private static func shortened(_ texts: [String]) -> String {
    if texts.isEmpty { return "-" }
    return texts.count <= 3
      ? texts.joined(separator: ", ") : "\(texts[0]), \(texts[1]), … \(texts.count) numbers"
  }

  static func verdict(_ outcome: ClaimOutcome) -> String {
    outcome.verdict.inWords + (outcome.claim.assumption == nil ? "" : "*")
      + (outcome.isAsExpected ? "" : ", expected \(outcome.claim.verdict.inWords)")
  }
}

extension CaseVerdict {
  /// For people.
  var inWords: String { self == .notComputable ? "not computable" : rawValue }
}

extension CaseNumber {
  /// The number as a decimal: a stored one shortest, an integer whole, any other with so many digits.
  ///
  /// - Throws: `UndecidedRounding`.
  func text(digits: Int) throws -> String {
    switch value {
    case .number(let number): return DecimalText.shortest(number)
    case .real(let real):
      if let rational = real.rational, rational.isInteger { return rational.description }
      return try real.decimal(digits: digits)
    }
  }
}

extension CaseOutcome {
  /// Elements of a list that the working shows.
  private static let shownElements = 16
  /// Digits of exact numbers in the working.
  private static let digits = 20

  /// Source, set-up, every step with decimals and bits, every claim with its difference.
  func working() throws -> String {
    var lines = ["\(publishedCase.name): \(publishedCase.title)", "source: \(publishedCase.sourceInWords)"]
    if let note = publishedCase.note { lines.append("note: \(note)") }
    var text = lines.map(AlignedTextTable.visible).joined(separator: "\n") + "\n"
    let setup = publishedCase.setup.lines
    if !setup.isEmpty {
      var table = AlignedTextTable(header: ["set-up", ""])
      for (name, words) in setup { table.append([.string(name), .string(words)]) }
      text += "\n" + table.text
    }
    if !steps.isEmpty { text += "\n" + (try stepTable()) }
    return text + "\n" + (try claimTable())
  }

  private func stepTable() throws -> String {
    var table = AlignedTextTable(header: ["step", "computes", "value", "bits", "format"])
    for outcome in steps {
      for (name, value) in outcome.values {
        let shown = value.numbers.count > Self.shownElements ? Self.shownElements / 2 : value.numbers.count
        for (index, number) in value.numbers.prefix(shown).enumerated() {
          table.append([
            .string(value.isList ? "\(name)[\(index)]" : name), .string(outcome.step.compute),
            .string(try number.text(digits: Self.digits)), .string(number.bits ?? "-"),
            .string(number.format?.spelling ?? "exact"),
          ])
        }
        if shown < value.numbers.count {
          table.append([
            .string("… \(value.numbers.count - shown) more"), .string(outcome.step.compute), "", "", "",
          ])
        }
      }
    }
    return table.text
  }

  private func claimTable() throws -> String {
    var table = AlignedTextTable(header: ["claim", "published", "computed", "difference", "verdict"])
    var notes = ""
    for (index, outcome) in claims.enumerated() {
      let claim = outcome.claim
      let published = claim.published.isEmpty ? ["-"] : claim.published
      let computed =
        try outcome.computed.map { try $0.numbers.map { try $0.text(digits: Self.digits) } } ?? ["-"]
      let differences = try outcome.differences().map { try $0?.text(digits: 4) ?? "-" }
      let rows = max(published.count, claim.rule?.takesFigure == false ? 1 : computed.count)
      for row in 0..<rows {
        func cell(_ texts: [String]) -> Cell { .string(row < texts.count ? texts[row] : "") }
        table.append([
          .string(row == 0 ? "\(index + 1) \(claim.says)" : ""), cell(published), cell(computed),
          cell(differences), .string(row == 0 ? CaseClaimTable.verdict(outcome) : ""),
        ])
      }
      for (word, note) in [
        ("rule", claim.rule?.inWords), ("assumption", claim.assumption), ("reason", claim.reason),
      ] {
        if let note { notes += AlignedTextTable.visible("\(index + 1) \(word): \(note)") + "\n" }
      }
    }
    return table.text + notes
  }
}

extension ClaimOutcome {
  /// computed − figure for every element that has a figure of its own; nil where one of the two is not finite.
  func differences() throws -> [CaseNumber?] {
    guard let computed, claim.figures.count == computed.numbers.count else { return [] }
    return zip(computed.numbers, claim.figures).map { number, figure in
      guard let value = number.value.exactReal, let target = Rational(figure) else { return nil }
      return CaseNumber(StageValue.real(.sum([value, ExactReal(-target)])))
    }
  }
}

extension PublishedCase {
  /// Repository, thread, date, address.
  var sourceInWords: String {
    [repository, thread, date, url].compactMap { $0 }.joined(separator: ", ")
  }
}

extension CaseSetup {
  /// Everything of the set-up by name, in words.
  var lines: [(name: String, words: String)] {
    numbers.map { name, value in
      (name, value.numbers.map { (try? $0.text(digits: 20)) ?? "?" }.joined(separator: ", "))
    }
      + embeddings.map { name, value in
        let embedding = value.embedding
        return (
          name,
          "embedding of \(embedding.rotarySize) channels, base \(embedding.base)"
            + (embedding.scaling.isDefault ? "" : ", \(embedding.scaling)")
        )
      }
      + tables.map { name, value in
        let recipe = value.emulation.recipe
        let stages: [(name: String, chain: RoundingChain)] = [
          ("position", recipe.position), ("angle", recipe.angle.rounding), ("trig", recipe.trig.rounding),
          ("table", recipe.table),
        ]
        let words = stages.map { "\($0.name) \($0.chain.summary)" }.joined(separator: "; ")
        let frequency = recipe.inverseFrequency
        return (
          name, "table: frequency \(frequency.formula.rawValue) \(frequency.rounding.summary); \(words)"
        )
      }
  }
}
