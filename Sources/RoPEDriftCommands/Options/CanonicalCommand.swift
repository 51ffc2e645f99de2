// The words that make the same output again: what run.json, attribution.json and every other record of a run hold.

/// A command line that gives the same figures: every option that decides a byte, in one order, and none that does not (output
/// path, `--force`, `--threads`, `--json`, how talkative the command is).
struct CanonicalCommand {
  /// The words, the program's name first.
  private(set) var words: [String]

  /// A command on an input, which is left out where it is the shipped sample.
  init(_ name: String, input: InputArgument) {
    words = ["ropedrift", name]
    if let input = input.input { words.append(input) }
  }

  /// The report of an input.
  init(
    report input: InputArgument, _ recipes: RecipeOptions, _ shifts: ShiftOptions,
    _ selection: SelectionOptions, _ problem: ProblemOptions, _ pattern: PatternOptions
  ) {
    self.init("report", input: input)
    add(recipes)
    add(shifts)
    add(selection)
    add(problem)
    pattern.add(to: &self)
  }

  /// Adds an option that has a value; a value that begins with a minus goes behind an equals sign.
  mutating func add(_ flag: String, _ value: String?) {
    guard let value else { return }
    words += value.hasPrefix("-") ? ["\(flag)=\(value)"] : [flag, value]
  }

  /// Adds a flag where it is set.
  mutating func add(_ flag: String, if isSet: Bool) {
    if isSet { words.append(flag) }
  }

  /// Adds the runs that INPUT is compared with.
  mutating func add(_ against: AgainstOptions) {
    add("--against", against.against)
    add("--null", against.null)
  }

  /// Adds recipes, a composed one by its full name.
  mutating func add(_ recipes: RecipeOptions) {
    for name in (try? recipes.spellings()) ?? [] { add("--recipe", name) }
  }

  /// Adds pairs of shifts, as typed.
  mutating func add(shifts: [String]) {
    for pair in shifts { add("--shifts", pair) }
  }

  /// Adds shifts, sweep and lengths.
  mutating func add(_ options: ShiftOptions) {
    add(shifts: options.shifts)
    add("--sweep", options.sweep)
    add("--against-shift", options.againstShift)
    add("--lengths", options.lengths)
  }

  /// Adds layers and heads.
  mutating func add(_ selection: SelectionOptions) {
    add("--layers", selection.layers?.description)
    add("--heads", selection.heads?.description)
  }

  /// Adds model, base, rotary size and scaling.
  mutating func add(_ frequencies: FrequencyOptions) {
    add("--model", frequencies.model)
    add("--layer-type", frequencies.layerType)
    add("--sequence-length", frequencies.sequenceLength.map(String.init))
    add("--base", frequencies.base?.text)
    add("--rotary-size", frequencies.rotarySize.map(String.init))
    add("--scaling", frequencies.scaling)
  }

  /// Adds what states a problem.
  mutating func add(_ problem: ProblemOptions) {
    add(problem.frequencies)
    add("--layout", problem.layout)
    add("--scale", problem.scale?.text)
    add("--softcap", problem.softcap?.text)
    add("--stored-frequencies", if: problem.storedFrequencies)
  }
}
