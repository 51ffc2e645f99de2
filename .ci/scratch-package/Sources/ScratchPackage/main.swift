// Shows that RoPEDrift can be a dependency: it resolves, compiles and links in somebody else's package.
import RoPEDrift

print("RoPEDrift can be imported")
