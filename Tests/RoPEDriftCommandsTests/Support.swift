// Runs commands in this process and keeps what they write.

import RoPEDrift
import RoPEDriftCommands
import Synchronization

/// What a command left behind.
struct CommandResult {
  var exit: CommandExit
  var output: String
  var talk: String
}

/// Runs `ropedrift` with arguments.
func ropedrift(_ arguments: String...) -> CommandResult {
  ropedrift(arguments)
}

/// Runs `ropedrift` with arguments.
func ropedrift(_ arguments: [String]) -> CommandResult {
  let collector = Collector()
  let exit = CommandLineTool.run(
    arguments,
    console: Console(
      data: { text in collector.output.withLock { $0 += text } },
      talk: { text in collector.talk.withLock { $0 += text } }))
  return CommandResult(
    exit: exit, output: collector.output.withLock { $0 }, talk: collector.talk.withLock { $0 })
}

private final class Collector: Sendable {
  let output = Mutex("")
  let talk = Mutex("")
}
