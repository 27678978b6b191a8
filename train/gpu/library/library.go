// Package library loads a shared library at run time and calls its functions, without
// cgo. Where a system has no loader for this, or with the build tag nogpu, every Open fails
// with ErrAbsent.
package library

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrAbsent means that a library cannot be loaded: it is not installed, of another processor's
// kind, or not readable.
var ErrAbsent = errors.New("library not loaded")

// Library is a loaded library. It stays loaded until the process ends: drivers keep threads.
type Library struct {
	name   string
	handle uintptr
}

// Function is the address of a function; zero for none.
type Function uintptr

// Open loads the first of several names that can be loaded. The error has the reason of the
// last one that exists, in one line.
func Open(names ...string) (*Library, error) {
	reason := "no name given"
	for _, name := range names {
		handle, err := open(name)
		if err == nil {
			return &Library{name, handle}, nil
		}
		if text := oneLine(err.Error()); reason == "no name given" || !missing(text) {
			reason = text
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrAbsent, reason)
}

// missing reports whether a loader's message only says that there is no such file.
func missing(text string) bool { return strings.Contains(text, "No such file") }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Name is the name under which the library was found.
func (l *Library) Name() string { return l.name }

// Find is the function of the first name that the library has, or zero.
func (l *Library) Find(names ...string) Function {
	for _, name := range names {
		if f := symbol(l.handle, name); f != 0 {
			return Function(f)
		}
	}
	return 0
}

// Bind finds the functions of a table, whose values it fills in. The error lists those that
// the library lacks: it is older than needed.
func (l *Library) Bind(table map[string]*Function) error {
	var lacking []string
	for name, f := range table {
		if *f = l.Find(strings.Fields(name)...); *f == 0 {
			lacking = append(lacking, strings.Fields(name)[0])
		}
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		return fmt.Errorf("%w: %s lacks %s: it is older than needed", ErrAbsent, l.name, strings.Join(lacking, ", "))
	}
	return nil
}
