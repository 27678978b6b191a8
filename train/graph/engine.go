package graph

import (
	"errors"
	"fmt"
)

// Errors of engines.
var (
	// ErrUnfed means that an output needs an input that the program does not have.
	ErrUnfed = errors.New("input is not among the program's")
	// ErrSize means that the number of values does not match.
	ErrSize = errors.New("wrong number of values")
	// ErrForeign means that a variable belongs to another engine.
	ErrForeign = errors.New("variable of another engine")
)

// Engine computes expressions on a device. One goroutine at a time may use an
// engine, its programs and its variables; parallel work uses one engine each.
type Engine interface {
	// Name is the engine's kind with what its results depend on: cpu avx2.
	Name() string
	// Compile makes a program. Equal expressions are computed once, those that
	// nothing needs not at all.
	Compile(s Spec) (Program, error)
	// Variable is memory for n values that stays on the device, zero at first.
	Variable(n int) (Variable, error)
	// Close frees the engine with all its programs and variables.
	Close()
}

// Spec specifies a program.
type Spec struct {
	Inputs  []*Node // in the order of Set and Bind
	Outputs []*Node // in the order of Get
	// Updates change inputs that are bound to variables, one after the other,
	// when all outputs and everything that an update reads as a value has been
	// computed. An update sees what those before it wrote.
	Updates []Update
}

// Program is a compiled Spec.
type Program interface {
	// Set copies values into input i; they stay until the next Set or Bind.
	Set(i int, values []float32) error
	// Bind makes a variable the memory of input i. Programs that share a
	// variable see each other's updates of it.
	Bind(i int, v Variable) error
	// Run computes the outputs, then the updates. After the first run it
	// allocates nothing.
	Run() error
	// Get copies output i of the last run.
	Get(i int, into []float32) error
	// Bytes is the memory of the program, without variables.
	Bytes() int
	// String lists what the program computes, for debugging.
	fmt.Stringer
	// Close frees the program's memory.
	Close()
}

// Remote is an engine whose device has memory of its own: copies to it cost time, and so does every call.
type Remote interface {
	Engine
	// Remote tells such an engine from those that only look like it.
	Remote() bool
}

// Sequence is a program that can be told several runs at once.
type Sequence interface {
	Program
	// SetSteps copies values of input i for several runs, one after the other, each with values of its own.
	SetSteps(i int, values []float32) error
	// RunSteps runs that many times, each time with the next values of the inputs that SetSteps has set for as many runs.
	// It allocates nothing after the first two times with that number.
	RunSteps(steps int) error
}

// Variable is memory of an engine's device that outlives a run.
type Variable interface {
	// Len is the number of values.
	Len() int
	// Set and Get copy all values from and to the host.
	Set(values []float32) error
	Get(into []float32) error
	// Part is n values from an offset on, sharing the memory.
	Part(from, n int) Variable
	// Close frees the memory. A part frees nothing.
	Close()
}

// CheckSpec is an error unless the inputs are inputs, given once each, and every
// update fits its arrays and writes to inputs alone.
func CheckSpec(s Spec) error {
	given := make(map[*Node]bool, len(s.Inputs))
	for _, n := range s.Inputs {
		if given[n] {
			return fmt.Errorf("compile: input %s given twice", n.Name())
		}
		given[n] = true
	}
	for _, u := range s.Updates {
		if err := u.check(given); err != nil {
			return fmt.Errorf("compile: %w", err)
		}
	}
	return nil
}

// SetAll copies host arrays into variables, one for one.
func SetAll(to []Variable, from [][]float32) error {
	if len(to) != len(from) {
		return fmt.Errorf("%w: %d arrays for %d variables", ErrSize, len(from), len(to))
	}
	for i, v := range to {
		if err := v.Set(from[i]); err != nil {
			return err
		}
	}
	return nil
}

// GetAll copies variables to host arrays, one for one.
func GetAll(from []Variable, to [][]float32) error {
	if len(to) != len(from) {
		return fmt.Errorf("%w: %d variables for %d arrays", ErrSize, len(from), len(to))
	}
	for i, v := range from {
		if err := v.Get(to[i]); err != nil {
			return err
		}
	}
	return nil
}

// Variables makes one variable per size.
func Variables(e Engine, sizes ...int) ([]Variable, error) {
	out := make([]Variable, len(sizes))
	for i, n := range sizes {
		v, err := e.Variable(n)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// BindAll binds variables to the inputs from first on.
func BindAll(p Program, first int, variables []Variable) error {
	for i, v := range variables {
		if err := p.Bind(first+i, v); err != nil {
			return err
		}
	}
	return nil
}
