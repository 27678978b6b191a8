package federated

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// State is a run after some round: everything that the rest of the run depends
// on, besides the identity of the run.
type State struct {
	Round int // rounds done
	// Run identifies network, clients and configuration; a state resumes no
	// other run.
	Run      string
	model    []float32
	controls map[int][]float32 // SCAFFOLD: c_i by client; none is zeros
}

// clone shares the vectors, which are never changed.
func (s State) clone() State {
	s.controls = maps.Clone(s.controls)
	return s
}

// check fails with checkpoint.ErrState unless the state belongs to a run.
func (s *State) check(id string, rounds, parameters int, active []int) error {
	if s.Run != id || s.Round < 0 || s.Round > rounds || len(s.model) != parameters {
		return checkpoint.ErrState
	}
	for client, control := range s.controls {
		if _, ok := slices.BinarySearch(active, client); !ok || len(control) != parameters {
			return fmt.Errorf("%w: control variate of client %d", checkpoint.ErrState, client)
		}
	}
	return nil
}

// The arrays of a written state: all parameters, in the network's order, and the
// same number for each client that has a control variate.
const (
	modelArray    = "model"
	controlPrefix = "control "
)

// Encode writes the state as safetensors: 4 bytes per parameter, and as many for
// each client with a control variate.
func (s State) Encode() ([]byte, error) {
	out := checkpoint.State{Identity: s.Run, Step: s.Round, Arrays: map[string][]float32{modelArray: s.model}}
	for client, control := range s.controls {
		out.Arrays[controlPrefix+strconv.Itoa(client)] = control
	}
	return out.Encode()
}

// DecodeState reads what Encode wrote. It fails on anything else; whether the
// state belongs to a run is checked when the run resumes.
func DecodeState(file []byte) (State, error) {
	read, err := checkpoint.ReadState(file)
	if err != nil {
		return State{}, fmt.Errorf("decode state: %w", err)
	}
	s := State{Round: read.Step, Run: read.Identity, controls: make(map[int][]float32)}
	for name, values := range read.Arrays {
		number, control := strings.CutPrefix(name, controlPrefix)
		client, err := strconv.Atoi(number)
		switch {
		case name == modelArray:
			s.model = values
		case !control || err != nil || client < 0 || strconv.Itoa(client) != number:
			return State{}, fmt.Errorf("decode state: %w: array %q", checkpoint.ErrState, name)
		default:
			s.controls[client] = values
		}
	}
	if s.model == nil {
		return State{}, fmt.Errorf("decode state: %w: no model", checkpoint.ErrState)
	}
	return s, nil
}
