//go:build (linux || darwin || windows) && (amd64 || arm64) && !nogpu

package library

import "github.com/ebitengine/purego"

// Built reports whether the program can load libraries.
const Built = true

// Call calls a function whose arguments and result are integers or pointers. Pointers to Go
// memory must be converted in the call itself, which keeps them alive.
//
//go:uintptrescapes
func (f Function) Call(args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(uintptr(f), args...)
	return r
}
