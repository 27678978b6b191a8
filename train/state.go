package train

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// state is a run of Fit after some step: the parameters and the optimizer's
// state of each.
type state struct {
	run    string // identity
	step   int
	names  []string
	params [][]float32
	first  [][]float32 // Adam's first moment, or SGD's velocity
	second [][]float32 // Adam's second moment; empty for SGD
}

// newState is a run's state before its first step.
func newState(net *nn.Network, s *data.Samples, r recipe.Recipe, seed uint64, on device.Choice) state {
	st := state{run: on.Identity(RunID(net, r, seed, s)), params: net.Init(seed)}
	for i, p := range net.Params {
		st.names = append(st.names, p.Name)
		st.first = append(st.first, make([]float32, len(st.params[i])))
		if r.Optimizer != recipe.SGD {
			st.second = append(st.second, make([]float32, len(st.params[i])))
		}
	}
	return st
}

// RunID identifies everything that the result of a run depends on: the network, the run's
// settings (which must be plain values that JSON can hold), its seed and its sets of
// samples, in order.
func RunID(net *nn.Network, settings any, seed uint64, sets ...*data.Samples) string {
	text, err := json.Marshal(settings)
	if err != nil {
		panic(err) // numbers and strings; what validates settings refuses NaN
	}
	return checkpoint.Identity(fmt.Sprintf("%s %v %d %s %d", net.Name, net.Shape, net.Classes, text, seed), sets...)
}

// file is the state as it is written; it shares the arrays.
func (s *state) file() checkpoint.State {
	f := checkpoint.State{Identity: s.run, Step: s.step, Arrays: map[string][]float32{}}
	for prefix, arrays := range map[string][][]float32{"param.": s.params, "first.": s.first, "second.": s.second} {
		for i, values := range arrays {
			f.Arrays[prefix+s.names[i]] = values
		}
	}
	return f
}

// encode writes the state. It refuses values that are not finite, from which a run cannot continue.
func (s *state) encode() ([]byte, error) {
	f := s.file()
	for name, values := range f.Arrays {
		if slices.ContainsFunc(values, func(v float32) bool { return v-v != 0 }) {
			return nil, fmt.Errorf("%w: %s is not finite after %d steps", ErrDiverged, name, s.step)
		}
	}
	return f.Encode()
}

// restore reads a state of the same run, after at most a number of steps.
func (s *state) restore(file []byte, steps int) error {
	f := s.file()
	if err := f.Restore(file, steps); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	s.step = f.Step
	return nil
}
