package checkpoint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

// ErrState means that a state is damaged, or belongs to another run.
var ErrState = errors.New("state of another run")

// Digester writes its content to a hash.
type Digester interface{ Digest(to io.Writer) }

// Identity is a hash of everything that the result of a run depends on: its
// settings as text, and its data. A state with this identity resumes no other
// run.
func Identity[D Digester](settings string, data ...D) string {
	h := sha256.New()
	io.WriteString(h, settings)
	for _, d := range data {
		d.Digest(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// State is a run after some step: everything that the rest depends on, besides the
// identity of the run. Every resumable run in this program resumes from one.
type State struct {
	Identity string
	Step     int // done
	Arrays   map[string][]float32
	Numbers  map[string]float64
}

// numbersTensor holds the numbers, in the order of their names.
const numbersTensor = "numbers"

// Keys of a state's metadata. Older states of trainings say run.
const (
	identityKey    = "request"
	oldIdentityKey = "run"
	stepKey        = "step"
)

// Encode writes the state as safetensors: 4 bytes per value, 8 per number.
func (s State) Encode() ([]byte, error) {
	var tensors []Tensor
	for name, values := range s.Arrays {
		tensors = append(tensors, F32(name, []int{len(values)}, values))
	}
	var numbers []float64
	for _, name := range slices.Sorted(maps.Keys(s.Numbers)) {
		numbers = append(numbers, s.Numbers[name])
	}
	tensors = append(tensors, F64(numbersTensor, []int{len(numbers)}, numbers))
	file, err := Encode(tensors, map[string]string{identityKey: s.Identity, stepKey: strconv.Itoa(s.Step)})
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return file, nil
}

// ReadState reads the arrays of a file that Encode wrote, under any names, without
// the numbers, whose names the file does not hold; values need not be finite. It
// fails with ErrState.
func ReadState(file []byte) (State, error) {
	s, _, err := readState(file, Limits{})
	return s, err
}

func readState(file []byte, limits Limits) (s State, numbers []float64, err error) {
	tensors, meta, err := Decode(file, limits)
	if err != nil {
		return s, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	s.Identity = cmp.Or(meta[identityKey], meta[oldIdentityKey])
	if s.Step, err = strconv.Atoi(meta[stepKey]); err != nil || s.Step < 0 {
		return s, nil, fmt.Errorf("%w: step %q", ErrState, meta[stepKey])
	}
	s.Arrays = make(map[string][]float32, len(tensors))
	for _, t := range tensors {
		if t.Name == numbersTensor && t.DType == DTypeF64 {
			if numbers, err = t.Float64s(); err != nil {
				return s, nil, fmt.Errorf("%w: %w", ErrState, err)
			}
			continue
		}
		values, err := t.Float32s()
		if err != nil {
			return s, nil, fmt.Errorf("%w: %w", ErrState, err)
		}
		s.Arrays[t.Name] = values
	}
	return s, numbers, nil
}

// Restore replaces the step and values of a state by those of a file of the same
// run (same identity, names and sizes) after at most a number of steps. It fails
// with ErrState, and then changes nothing.
func (s *State) Restore(file []byte, most int) error {
	read, numbers, err := readState(file, Limits{Tensors: len(s.Arrays) + 1})
	switch {
	case err != nil:
		return err
	case read.Identity != s.Identity:
		return fmt.Errorf("%w: it has other settings or data", ErrState)
	case read.Step > most:
		return fmt.Errorf("%w: step %d of %d", ErrState, read.Step, most)
	case len(numbers) != len(s.Numbers) || len(read.Arrays) != len(s.Arrays):
		return fmt.Errorf("%w: %d arrays and %d numbers, want %d and %d", ErrState, len(read.Arrays), len(numbers),
			len(s.Arrays), len(s.Numbers))
	}
	for name, now := range s.Arrays {
		if values, ok := read.Arrays[name]; !ok || len(values) != len(now) {
			return fmt.Errorf("%w: %s holds %d values, want %d", ErrState, name, len(values), len(now))
		}
		if err := CheckFinite(name, read.Arrays[name]); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	for _, v := range numbers {
		if v-v != 0 {
			return fmt.Errorf("%w: a number is %v", ErrState, v)
		}
	}
	s.Step = read.Step
	for name, values := range read.Arrays {
		copy(s.Arrays[name], values)
	}
	for i, name := range slices.Sorted(maps.Keys(s.Numbers)) {
		s.Numbers[name] = numbers[i]
	}
	return nil
}
