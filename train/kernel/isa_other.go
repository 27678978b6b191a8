//go:build !amd64

package kernel

// available lists the instruction sets of this processor, best first.
func available() []*instructionSet { return []*instructionSet{&portable} }
