// The executable: arguments in, exit code out. Everything else is in RoPEDriftCommands, where tests can reach it.

import Foundation
import RoPEDriftCommands

exit(CommandLineTool.main(Array(CommandLine.arguments.dropFirst())))
