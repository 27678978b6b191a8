// Package checkpoint reads and writes tensors as safetensors, the format that
// every common framework reads without running code. The reader is strict: a
// file either describes each of its bytes exactly once or is refused.
package checkpoint
