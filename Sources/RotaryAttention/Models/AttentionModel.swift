// What a published model says about its attention: the statement of a problem that a user names instead of typing it.

import FloatingPointFormats

/// The rotary attention of a model. A nil field is one that the source leaves open; ``open`` says why.
public struct AttentionModel: Sendable, Hashable {
  /// The name that a user types, or the path of a configuration.
  public let name: String
  /// Where the figures come from, one sentence.
  public let source: String
  /// How far the figures were checked, one sentence.
  public let verified: String
  /// Query heads.
  public let heads: Int?
  /// Key heads; divides ``heads``.
  public let keyValueHeads: Int?
  /// The pairing of channels.
  public let layout: RotaryLayout?
  /// Positions that the model is said to serve.
  public let maximumPositions: Int?
  /// What multiplies q·k.
  public let scale: AttentionScale?
  /// cap where logits are cap·tanh(x/cap); nil for none.
  public let softcap: NumberLiteral?
  /// The kinds of layers that differ in their embedding or window; one, named `all`, where all layers are alike.
  public let layerTypes: [ModelLayerType]
  /// The kind of each layer, layer 0 first; empty where all are alike or the source does not say.
  public let typeOfLayer: [String]
  /// Sizes outside attention; nil where the source does not say, and for models that are not dense.
  public let sizes: ModelSizes?
  /// What a reader should know.
  public let remarks: [String]
  /// What a user of the model has to be told before figures: unverified values, defaults that stand in for missing keys.
  public let cautions: [String]
  /// Fields that are open, with the reason.
  public let open: [OpenField]

  /// The kind of a layer; nil where the source does not say.
  public func type(ofLayer layer: Int) -> String? {
    typeOfLayer.indices.contains(layer) ? typeOfLayer[layer] : nil
  }

  /// The kind of layer that a user's word means: its name, or the name without `_attention`.
  public func layerType(named name: String) -> ModelLayerType? {
    layerTypes.first { $0.name == name } ?? layerTypes.first { $0.name == name + "_attention" }
  }

  /// Why a field is open; nil where it is not.
  public func reason(open field: OpenField.Name) -> String? { open.first { $0.name == field }?.reason }
}

/// The embedding and the window of one kind of layer.
public struct ModelLayerType: Sendable, Hashable {
  /// Its name: transformers' (`full_attention`, `sliding_attention`), or `all`.
  public let name: String
  /// d, channels of a head.
  public let headSize: Int?
  /// Which channels rotate.
  public let rotaryPart: RotaryPart?
  /// b, exactly as the source writes it.
  public let base: NumberLiteral?
  /// How frequencies are scaled.
  public let scaling: ModelScaling?
  /// W where query i sees only keys j > i − W; nil where it sees all of them up to itself.
  public let window: Int?

  /// r, where it is known.
  public var rotarySize: Int? {
    switch rotaryPart {
    case .channels(let count): count
    case .wholeHead: headSize
    case nil: nil
    }
  }
}

/// Which channels of a head rotate.
public enum RotaryPart: Sendable, Hashable {
  /// All of them.
  case wholeHead
  /// The first r.
  case channels(Int)
}

/// A field that a model's source does not settle.
public struct OpenField: Sendable, Hashable {
  /// The fields that can be open, by the names that output has for them.
  public enum Name: String, Sendable, Hashable, CaseIterable {
    /// The pairing of channels.
    case layout
    /// b.
    case base
    /// r.
    case rotarySize = "rotary_size"
    /// The scaling of the frequencies.
    case scaling
    /// What multiplies q·k.
    case scale

    /// The flag that says it.
    public var flag: String {
      switch self {
      case .layout: "--layout"
      case .base: "--base"
      case .rotarySize: "--rotary-size"
      case .scaling: "--scaling"
      case .scale: "--scale"
      }
    }
  }

  /// Which one.
  public let name: Name
  /// Why, one clause.
  public let reason: String
}
