//go:build !((linux || darwin || windows) && (amd64 || arm64)) || nogpu

package library

import "errors"

// Built reports whether the program can load libraries.
const Built = false

func open(string) (uintptr, error) {
	return 0, errors.New("this program was built without GPUs (tag nogpu, or a processor without a loader)")
}

func symbol(uintptr, string) uintptr { return 0 }

// Call is never reached: there is no library.
func (f Function) Call(...uintptr) uintptr { return 0 }
