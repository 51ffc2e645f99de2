// The element types of a safetensors file. All of the standard's types are known, so that sizes are checked and files are
// shown whole; only the four binary floating-point types that attention runs in are read as numbers.

import FloatingPointFormats

/// The type of a tensor's elements, spelled as in a safetensors header.
///
/// The order of the cases is the reference implementation's (by alignment, ascending): its writer, and ours, sorts by it.
public enum TensorElementType: String, Sendable, Hashable, CaseIterable, Comparable {
  /// A byte that is 0 or 1.
  case bool = "BOOL"
  /// MXFP4 E2M1, 4 bits.
  case f4 = "F4"
  /// MXFP6 E2M3, 6 bits.
  case f6E2M3 = "F6_E2M3"
  /// MXFP6 E3M2, 6 bits.
  case f6E3M2 = "F6_E3M2"
  /// Unsigned 8-bit integer.
  case u8 = "U8"
  /// Signed 8-bit integer.
  case i8 = "I8"
  /// FP8 E5M2.
  case f8E5M2 = "F8_E5M2"
  /// FP8 E4M3 without infinities.
  case f8E4M3 = "F8_E4M3"
  /// FP8 E8M0, the scale of an MX block.
  case f8E8M0 = "F8_E8M0"
  /// FP8 E4M3 without negative zero.
  case f8E4M3FNUZ = "F8_E4M3FNUZ"
  /// FP8 E5M2 without negative zero.
  case f8E5M2FNUZ = "F8_E5M2FNUZ"
  /// Signed 16-bit integer.
  case i16 = "I16"
  /// Unsigned 16-bit integer.
  case u16 = "U16"
  /// IEEE 754 binary16.
  case f16 = "F16"
  /// bfloat16.
  case bf16 = "BF16"
  /// Signed 32-bit integer.
  case i32 = "I32"
  /// Unsigned 32-bit integer.
  case u32 = "U32"
  /// IEEE 754 binary32.
  case f32 = "F32"
  /// Two binary32 numbers, real and imaginary part.
  case c64 = "C64"
  /// IEEE 754 binary64.
  case f64 = "F64"
  /// Signed 64-bit integer.
  case i64 = "I64"
  /// Unsigned 64-bit integer.
  case u64 = "U64"

  /// Bits of one element; 4 and 6 for the types of which several share a byte.
  public var bitWidth: Int {
    switch self {
    case .f4: 4
    case .f6E2M3, .f6E3M2: 6
    case .bool, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: 8
    case .i16, .u16, .f16, .bf16: 16
    case .i32, .u32, .f32: 32
    case .c64, .f64, .i64, .u64: 64
    }
  }

  /// The types that are read as real numbers, with their formats, in the order in which messages list them.
  public static let real: [(type: TensorElementType, format: FloatingPointFormat)] = [
    (.f64, .fp64), (.f32, .fp32), (.f16, .fp16), (.bf16, .bf16),
  ]

  /// The floating-point format of the elements where they are read as real numbers, else nil.
  public var format: FloatingPointFormat? { Self.real.first { $0.type == self }?.format }

  /// By position in the list of cases.
  public static func < (first: TensorElementType, second: TensorElementType) -> Bool {
    first.order < second.order
  }

  private var order: Int { Self.allCases.firstIndex(of: self)! }

  /// "F64, F32, F16 or BF16", for messages.
  static var realNames: String { "F64, F32, F16 or BF16" }
}
