package train

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// State is a run of Fit after some step: everything that the rest of the run
// depends on, beside what identifies the run.
type State struct {
	Step int
	// Run identifies network, recipe, seed and samples; a state resumes no
	// other run.
	Run    string
	names  []string
	shapes [][]int
	params [][]float32
	first  [][]float32 // Adam's first moment, or SGD's velocity
	second [][]float32 // Adam's second moment; empty for SGD
}

// newState is a run's state before its first step.
func newState(net *nn.Network, s *data.Samples, r recipe.Recipe, seed uint64) State {
	st := State{Run: RunID(net, r, seed, s), params: net.Init(seed)}
	for i, p := range net.Params {
		st.names, st.shapes = append(st.names, p.Name), append(st.shapes, p.Shape)
		st.first = append(st.first, make([]float32, len(st.params[i])))
		if r.Optimizer == recipe.Adam {
			st.second = append(st.second, make([]float32, len(st.params[i])))
		}
	}
	return st
}

// RunID is a hash of all that the result of a run depends on: the network, the
// run's settings (which must be plain values that JSON can hold), its seed and
// its sets of samples, in order. A state that carries it resumes no other run.
func RunID(net *nn.Network, settings any, seed uint64, sets ...*data.Samples) string {
	text, err := json.Marshal(settings)
	if err != nil {
		panic(err) // numbers and strings; what validates settings refuses NaN
	}
	return checkpoint.Identity(fmt.Sprintf("%s %v %d %s %d", net.Name, net.Shape, net.Classes, text, seed), sets...)
}

// adopt takes over the values of another state of the same run.
func (s *State) adopt(from *State) error {
	if from.Run != s.Run || from.Step < 0 || !slices.Equal(from.names, s.names) || len(from.second) != len(s.second) ||
		!slices.EqualFunc(from.shapes, s.shapes, slices.Equal[[]int]) {
		return fmt.Errorf("resume: %w", ErrState)
	}
	*s = from.clone()
	return nil
}

func (s *State) clone() State {
	c := *s
	c.params, c.first, c.second = deepCopy(s.params), deepCopy(s.first), deepCopy(s.second)
	return c
}

func deepCopy(values [][]float32) [][]float32 {
	out := make([][]float32, len(values))
	for i, v := range values {
		out[i] = slices.Clone(v)
	}
	return out
}

const (
	paramPrefix  = "param."
	firstPrefix  = "first."
	secondPrefix = "second."
)

// Encode writes the state as safetensors.
func (s State) Encode() ([]byte, error) {
	var tensors []checkpoint.Tensor
	for i, name := range s.names {
		tensors = append(tensors, checkpoint.F32(paramPrefix+name, s.shapes[i], s.params[i]),
			checkpoint.F32(firstPrefix+name, s.shapes[i], s.first[i]))
		if len(s.second) > 0 {
			tensors = append(tensors, checkpoint.F32(secondPrefix+name, s.shapes[i], s.second[i]))
		}
	}
	order, err := json.Marshal(s.names)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	file, err := checkpoint.Encode(tensors, map[string]string{"run": s.Run, "step": strconv.Itoa(s.Step),
		"order": string(order)})
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return file, nil
}

// DecodeState reads what Encode wrote. It fails on anything else; whether the
// state belongs to a run is checked when the run resumes.
func DecodeState(file []byte) (State, error) {
	s, err := decodeState(file)
	if err != nil {
		return State{}, fmt.Errorf("decode state: %w", err)
	}
	return s, nil
}

func decodeState(file []byte) (s State, err error) {
	tensors, meta, err := checkpoint.Decode(file, checkpoint.Limits{})
	if err != nil {
		return s, err
	}
	if s.Step, err = strconv.Atoi(meta["step"]); err != nil || s.Step < 0 {
		return s, fmt.Errorf("%w: step %q", ErrState, meta["step"])
	}
	if err := json.Unmarshal([]byte(meta["order"]), &s.names); err != nil || len(s.names) == 0 {
		return s, fmt.Errorf("%w: parameter order %q", ErrState, meta["order"])
	}
	s.Run = meta["run"]
	find := checkpoint.ByName(tensors)
	take := func(prefix string) ([][]float32, error) {
		out := make([][]float32, len(s.names))
		for i, name := range s.names {
			t, ok := find[prefix+name]
			if !ok || len(s.shapes) > i && !slices.Equal(t.Shape, s.shapes[i]) {
				return nil, fmt.Errorf("%w: %s%s is missing or of another shape", ErrState, prefix, name)
			}
			if len(s.shapes) == i {
				s.shapes = append(s.shapes, t.Shape)
			}
			if out[i], err = t.Float32s(); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if s.params, err = take(paramPrefix); err != nil {
		return s, err
	}
	if s.first, err = take(firstPrefix); err != nil {
		return s, err
	}
	if len(tensors) == 2*len(s.names) {
		return s, nil
	}
	if len(tensors) != 3*len(s.names) {
		return s, fmt.Errorf("%w: %d tensors for %d parameters", ErrState, len(tensors), len(s.names))
	}
	s.second, err = take(secondPrefix)
	return s, err
}
