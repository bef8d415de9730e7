import Glibc

/// Lets other threads work for a part of a second.
func sleepBriefly(_ seconds: Double) { usleep(UInt32(max(0, min(1, seconds)) * 1_000_000)) }
