// Package checkpoint reads and writes tensors as safetensors, the format that
// every common framework reads without running code. The reader is strict: it
// refuses a file that does not describe each of its bytes exactly once.
package checkpoint
