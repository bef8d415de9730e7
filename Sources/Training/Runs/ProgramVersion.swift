/// The program's version, as `--version` and the log tell it.
package let programVersion = "0.1.0"
