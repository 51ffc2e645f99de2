// The one import of a program that uses the package as a library.

@_exported import ArbitraryPrecision
@_exported import DriftAnalysis
@_exported import DriftChecks
@_exported import DriftReporting
@_exported import EmulatedEngine
@_exported import FloatingPointFormats
@_exported import PublishedCases
@_exported import ReferenceEngine
@_exported import RotaryAttention
@_exported import TensorIO
