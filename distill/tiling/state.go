package tiling

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// State is a run after some iteration: everything that the rest depends on,
// beside what identifies the run.
type State struct {
	Step    int
	Arrays  map[string][]float32
	Numbers map[string]float64
}

// numbersTensor holds the numbers, in the order of their names.
const numbersTensor = "numbers"

// Encode writes the state of the run with the identity as safetensors.
func (s State) Encode(identity string) ([]byte, error) {
	var tensors []checkpoint.Tensor
	for name, values := range s.Arrays {
		tensors = append(tensors, checkpoint.F32(name, []int{len(values)}, values))
	}
	var numbers []float64
	for _, name := range slices.Sorted(maps.Keys(s.Numbers)) {
		numbers = append(numbers, s.Numbers[name])
	}
	tensors = append(tensors, checkpoint.F64(numbersTensor, []int{len(numbers)}, numbers))
	file, err := checkpoint.Encode(tensors, map[string]string{"request": identity, "step": strconv.Itoa(s.Step)})
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return file, nil
}

// Save gives the state of a request's run to its checkpoint function, if there
// is one. identity is called when there is.
func (s State) Save(req distill.Request, identity func() string) error {
	if req.Checkpoint == nil {
		return nil
	}
	file, err := s.Encode(identity())
	if err != nil {
		return err
	}
	return req.Checkpoint(file)
}

// Decode replaces the values of a state, whose names and sizes it keeps, by
// those of a file of the run with the identity, after at most a number of
// steps. It fails with distill.ErrState, and then changes nothing.
func (s *State) Decode(file []byte, identity string, most int) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{distill.ErrState}, args...)...)
	}
	tensors, meta, err := checkpoint.Decode(file, checkpoint.Limits{Tensors: len(s.Arrays) + 1, Rank: 1})
	if err != nil {
		return refuse("%w", err)
	}
	step, err := strconv.Atoi(meta["step"])
	if err != nil || step < 0 || step > most || meta["request"] != identity {
		return refuse("step %q", meta["step"])
	}
	by, arrays := checkpoint.ByName(tensors), map[string][]float32{}
	for name, now := range s.Arrays {
		values, err := by[name].Float32s()
		if err != nil || len(values) != len(now) {
			return refuse("%s holds %d values, want %d", name, len(values), len(now))
		}
		if err := checkpoint.CheckFinite(name, values); err != nil {
			return refuse("%w", err)
		}
		arrays[name] = values
	}
	numbers, err := by[numbersTensor].Float64s()
	if err != nil || len(numbers) != len(s.Numbers) {
		return refuse("%d numbers, want %d", len(numbers), len(s.Numbers))
	}
	for _, v := range numbers {
		if v-v != 0 {
			return refuse("a number is %v", v)
		}
	}
	s.Step = step
	for name, values := range arrays {
		copy(s.Arrays[name], values)
	}
	for i, name := range slices.Sorted(maps.Keys(s.Numbers)) {
		s.Numbers[name] = numbers[i]
	}
	return nil
}
