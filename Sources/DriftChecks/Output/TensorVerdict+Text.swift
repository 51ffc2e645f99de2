// The verdict on tensors for people: a table of what was measured, what fails first, and how to see it again.

import DriftReporting
import FloatingPointFormats

extension TensorVerdict {
  /// The whole report, lines ended by line breaks.
  public func text(replay: ReplayCommand) -> String {
    let name = check.recipe.name
    var table = AlignedTextTable(header: [
      "tensor", "type", "elements", "max |error|", "max ulp", "recipe's |error|", "equal to recipe",
      "accuracy", "parity",
    ])
    for tensor in tensors {
      let equal = tensor.parityDifferences.map { Self.share(of: $0) }
      table.append([
        .string(tensor.name), .string(tensor.tensor.tensor.elementType.rawValue),
        .integer(tensor.differences.count),
        tensor.differences.worstAbsolute.map { .number($0.figure) } ?? .missing,
        tensor.differences.worstUlp.map { .number($0.figure) } ?? .missing,
        tensor.recipeDifferences?.worstAbsolute.map { .number($0.figure) } ?? .missing,
        equal.map(Cell.string) ?? .missing, .string(tensor.passesAccuracy ? "pass" : "FAIL"),
        .string(tensor.parity.isEmpty ? "no answer" : tensor.passesParity ? "pass" : "FAIL"),
      ])
    }
    var text = table.text
    for tensor in tensors {
      for remark in tensor.remarks { text += "note: \(tensor.name): \(remark)\n" }
      if let parity = tensor.parityDifferences, parity.mismatchCount > 0 {
        text += "note: \(tensor.name): distance from the recipe in ulp: \(parity.histogram.summary)\n"
      }
    }
    if !check.kernel.missing.isEmpty {
      text +=
        "not checked, because \(check.kernel.file) does not hold it: \(check.kernel.missing.joined(separator: ", "))\n"
    }
    if !check.kernel.extra.isEmpty { text += "left alone: \(check.kernel.extra.joined(separator: ", "))\n" }
    for warning in warnings { text += "warning: \(warning)\n" }
    text +=
      "\n" + answer("accuracy against the exact reference", passesAccuracy, decides: check.require != .parity)
    text += answer("parity with \(name)", passesParity, decides: check.require != .accuracy)
    for failure in failures(.both).filter({ $0.tensor.name == firstName($0.question) }) {
      text += "\n" + message(failure, replay: replay)
    }
    for hint in hints { text += "hint: \(hint)\n" }
    return text
  }

  private func answer(_ question: String, _ passes: Bool, decides: Bool) -> String {
    "\(question): \(passes ? "pass" : "FAIL")\(decides ? " (decides)" : "")\n"
  }

  private func firstName(_ question: RequiredAgreement) -> String? { failures(question).first?.tensor.name }

  private static func share(of tally: DifferenceTally) -> String {
    let equal = tally.count - tally.mismatchCount
    return equal == tally.count ? "all" : "\(equal) of \(tally.count)"
  }

  /// One failure in the form of STYLE: the rule with what it allows, where, reference and got with their bits, what would pass, and
  /// the command that shows it.
  public func message(_ failure: TensorFailure, replay: ReplayCommand) -> String {
    let (tensor, result) = (failure.tensor, failure.result)
    let positions = check.kernel.positions
    let against = failure.question == .parity ? "recipe" : "reference"
    var lines: [String] = []
    let first = result.firstFailingRow.map { row in
      let token = tensor.tensor.token(ofRow: row)
      return ", first at position \(positions[token]) (token \(token))"
    }
    lines.append(
      "FAIL \(check.kernel.file)/\(check.recipe.name): \(failure.question.rawValue) at stage \(tensor.tensor.kind.stage), tensor \(tensor.name)\(first ?? "")"
    )
    var rule = "  \(result.comparator.spelling):"
    if let figure = result.figure { rule += " \(Self.figureText(result.comparator, figure))" }
    if let allowed = result.allowedAtWorst { rule += ", allowed |error| \(DecimalText.shortest(allowed))" }
    if result.exceedingCount > 0 {
      rule +=
        "; \(result.exceedingCount) \(result.countsRows ? "row" : "element")\(result.exceedingCount == 1 ? "" : "s") beyond it"
    }
    lines.append(rule)
    if let remark = result.remark { lines.append("  \(remark)") }
    if let worst = result.worst ?? tensor.differences.worstAbsolute {
      let format = tensor.tensor.format
      lines.append(
        "  worst at \(tensor.tensor.words(for: worst.place, positions: positions)), index \(tensor.tensor.coordinates(ofIndex: worst.place.index))"
      )
      lines.append(
        "  \(against) \(hexadecimalFloat(worst.reference)) (\(format.spelling) \(format.bits(worst.reference)))   got \(hexadecimalFloat(worst.value)) (\(format.bits(worst.value)))   |error| \(DecimalText.shortest((worst.value - worst.reference).magnitude))"
      )
    }
    lines.append(
      result.minimumTolerance.isEmpty
        ? "  no limit of this rule would pass"
        : "  would pass: \(result.minimumTolerance.map(\.spelling).joined(separator: " or "))")
    lines.append("  replay: \(replayLine(failure, replay))")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func figureText(_ comparator: TensorComparator, _ figure: Double) -> String {
    switch comparator {
    case .bitExact, .mismatches: "\(Int(figure)) encodings differ"
    case .ulp: "max \(DecimalText.shortest(figure)) ulp"
    case .tolerance(_, let relative): "max |error| − \(relative)·|reference| \(DecimalText.shortest(figure))"
    case .flashRule(_, let floor):
      "max |error| − \(DecimalText.shortest(floor)) ulp \(DecimalText.shortest(figure))"
    case .normalizedMeanSquare: "NMSE \(DecimalText.shortest(figure))"
    case .cosine: "cosine \(figure)"
    }
  }

  /// The score at whose computation the failing element is used.
  private func replayLine(_ failure: TensorFailure, _ replay: ReplayCommand) -> String {
    let tensor = failure.tensor.tensor
    let layer = tensor.layer
    let positions = check.kernel.positions
    let offset = layer.keyTokens - layer.queryTokens
    let worst = failure.result.worst ?? failure.tensor.differences.worstAbsolute
    let at = worst.map { tensor.coordinates(ofIndex: $0.place.index) } ?? tensor.tensor.shape.map { _ in 0 }
    var (head, query, key) = (0, layer.queryTokens - 1, 0)
    switch tensor.kind {
    case .cosine, .sine: key = at[0]
    case .rotatedKey: (head, key) = (at[0] * (layer.queryHeads / layer.kvHeads), at[1])
    case .rotatedQuery, .output: (head, query) = (at[0], at[1])
    case .logits, .probabilities: (head, query, key) = (at[0], at[1], at[2])
    }
    return replay.score(
      layer: layer.index, head: head, query: query, key: key, queryPosition: positions[query + offset],
      keyPosition: positions[key])
  }
}
