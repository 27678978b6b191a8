package ptxtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// Text is parsed PTX, whose kernels run on memory of somebody else's.
type Text struct{ entries map[string]*entry }

// Memory finds n bytes of a device's memory by their address. What it returns may be longer.
type Memory func(address uint64, n int) ([]byte, error)

// Break makes an instruction compute wrongly by a hundredth; an empty one leaves all as they are.
func (t *Text) Break(instruction string) {
	if instruction == "" {
		return
	}
	for _, e := range t.entries {
		for i := range e.code {
			if c := &e.code[i]; strings.HasPrefix(c.text, instruction) {
				right := c.f
				c.f = func(a, b, c uint64) uint64 { return word32(1.01 * real32(right(a, b, c))) }
			}
		}
	}
}

// Params is the sizes in bytes of a kernel's parameters.
func (t *Text) Params(kernel string) ([]int, error) {
	e, err := t.entry(kernel)
	if err != nil {
		return nil, err
	}
	return slices.Clone(e.sizes), nil
}

// Run runs a kernel with the bytes of its parameters.
func (t *Text) Run(kernel string, groups [3]int, params [][]byte, memory Memory) error {
	e, err := t.entry(kernel)
	if err != nil {
		return err
	}
	return e.run(groups, params, memory)
}

func (t *Text) entry(kernel string) (*entry, error) {
	if e := t.entries[kernel]; e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("no kernel %s", kernel)
}

// run runs all groups, one after the other.
func (e *entry) run(groups [3]int, params [][]byte, memory Memory) error {
	arguments, err := e.arguments(params)
	if err != nil {
		return err
	}
	for z := range groups[2] {
		for y := range groups[1] {
			for x := range groups[0] {
				g := group{entry: e, at: memory, params: arguments, index: [3]int{x, y, z}, count: groups}
				if err := g.run(driver.GroupSize); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// arguments are the bytes that parameters lie in.
func (e *entry) arguments(params [][]byte) ([]byte, error) {
	if len(params) != len(e.sizes) {
		return nil, fmt.Errorf("kernel %s: %d arguments for %d parameters", e.name, len(params), len(e.sizes))
	}
	out := make([]byte, e.paramSize)
	for i, p := range params {
		if len(p) != e.sizes[i] {
			return nil, fmt.Errorf("kernel %s: argument %d has %d bytes for a parameter of %d", e.name, i, len(p), e.sizes[i])
		}
		copy(out[e.places[i]:], p)
	}
	return out, nil
}
