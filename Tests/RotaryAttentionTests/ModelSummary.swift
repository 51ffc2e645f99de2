// One line for a model, so that everything it says is compared at once.

import FloatingPointFormats
import Foundation
import RotaryAttention

/// Heads, layout, scale, cap and positions, then for each kind of layers d, r, base, scaling and window; ? for what is open.
func summary(_ model: AttentionModel) -> String {
  func text(_ value: Int?) -> String { value.map(String.init) ?? "?" }
  let scale =
    switch model.scale {
    case .inverseSquareRootOfHeadSize: "1/sqrt(d)"
    case .value(let literal): literal.text
    case nil: "?"
    }
  let head =
    "\(text(model.heads))/\(text(model.keyValueHeads)) \(model.layout?.rawValue ?? "?") scale \(scale) cap \(model.softcap?.text ?? "-") positions \(text(model.maximumPositions))"
  let types = model.layerTypes.map { type in
    "\(type.name) d \(text(type.headSize)) r \(text(type.rotarySize)) base \(type.base?.text ?? "?") \(type.scaling?.spelling ?? "?") window \(type.window.map(String.init) ?? "-")"
  }
  return ([head] + types).joined(separator: " | ")
}

/// A configuration beside these tests.
func configuration(_ name: String) throws -> AttentionModel {
  try ModelRegistry.model(nameOrPath: configurationPath(name))
}

/// Where it lies.
func configurationPath(_ name: String) -> String {
  Bundle.module.resourceURL!.appendingPathComponent("Configurations/\(name).json").path
}

/// A configuration from its text.
func configuration(text: String) throws -> AttentionModel {
  try AttentionModel(configuration: Data(text.utf8), file: "config.json")
}
