// The parts of a report's page.

extension PageSection {
  /// The parts of a report's page, in its order.
  static let ofReport: [PageSection] = [
    .ladder, .tokens, .shifts, .lengths, .distances, .heads, .stages, .angles,
  ]

  static let ladder = PageSection(
    "ladder", title: "Recipes side by side",
    introduction:
      "D is the weighted sum of |δA| over all pairs (Eq. 4 of Wang et al. 2024: every key counts alike, however few queries see it). "
      + "D_logit is the mean |δs| of the first token alone, summed over heads (Eq. 5). Both are sums of magnitudes and grow with "
      + "the number of heads; neither says anything of the sign.")

  static let tokens = PageSection(
    "tokens", title: "Drift per token",
    introduction:
      "A key's share is its part of the sum of |δ| over all pairs, unweighted. Read it against the uniform share: what the key would "
      + "have if drift fell on all pairs alike. A large share of probabilities may only mean much attention: drift there is a "
      + "logit's change times the probability.")

  static let shifts = PageSection(
    "shifts", title: "Drift over shifts",
    introduction:
      "The same recipes with positions shifted by Δ₁ against Δ₂. A recipe whose D grows with |Δ₁ − Δ₂| loses accuracy with the position; "
      + "a flat line shows rounding that any shift rearranges.",
    absence: "Not measured. --sweep 0,2,4,8,15,17,100 --against-shift 16 adds a picture of D over Δ₁.")

  static let lengths = PageSection(
    "lengths", title: "First token over length",
    introduction:
      "D_logit of each prefix, as if the sequence ended there: logits, absolute, first token only, all heads summed."
  )

  static let distances = PageSection(
    "distances", title: "Drift and error over distance",
    introduction:
      "Drift compares a recipe with itself at two shifts; error compares it with the exact reference at the first. They answer "
      + "different questions and stand in different pictures. Each point is a mean of magnitudes over all pairs of its distance."
  )

  static let heads = PageSection(
    "heads", title: "Layers and heads",
    introduction:
      "The area of a disc is a head's figure as a part of the same recipe's greatest head, so discs of different recipes cannot be compared."
  )

  static let stages = PageSection(
    "stages", title: "Which rounding is to blame",
    introduction:
      "One stage rounded alone, all others carried in fp64: the root mean square drift that this leaves, beside the whole recipe's. "
      + "Parts need not add up: roundings cancel and reinforce each other.",
    absence: "Not measured. --attribution RECIPE takes a recipe apart on its worst head.")

  static let angles = PageSection(
    "angles", title: "Errors of angles",
    introduction:
      "Greatest |stored angle − position · frequency| in radians, not wrapped, for rotary pairs from the fastest to the slowest. An error "
      + "of an angle is drift only where it differs between query and key; near 1 rad cos and sin are noise.")
}
