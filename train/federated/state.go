package federated

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// State is a run after some round: everything that the rest of the run depends
// on, beside what identifies the run.
type State struct {
	Round int // rounds done
	// Run identifies network, clients and configuration; a state resumes no
	// other run.
	Run      string
	model    []float32
	controls map[int][]float32 // SCAFFOLD: c_i by client; none is zeros
}

// clone shares the vectors, which nobody writes to.
func (s State) clone() State {
	s.controls = maps.Clone(s.controls)
	return s
}

// suits fails with train.ErrState unless the state belongs to a run.
func (s *State) suits(id string, rounds, parameters int, active []int) error {
	if s.Run != id || s.Round < 0 || s.Round > rounds || len(s.model) != parameters {
		return train.ErrState
	}
	for client, control := range s.controls {
		if _, ok := slices.BinarySearch(active, client); !ok || len(control) != parameters {
			return fmt.Errorf("%w: control variate of client %d", train.ErrState, client)
		}
	}
	return nil
}

// The tensors of a written state.
const (
	modelName   = "model"    // F32 [P]: all parameters, in the network's order
	holderName  = "clients"  // I64 [M]: who has a control variate, ascending
	controlName = "controls" // F32 [M, P]
)

// Encode writes the state as safetensors: 4 bytes a parameter, and as many for
// each client with a control variate.
func (s State) Encode() ([]byte, error) {
	tensors := []checkpoint.Tensor{checkpoint.F32(modelName, []int{len(s.model)}, s.model)}
	if len(s.controls) > 0 {
		var holders []int64
		var values []float32
		for _, client := range slices.Sorted(maps.Keys(s.controls)) {
			holders, values = append(holders, int64(client)), append(values, s.controls[client]...)
		}
		tensors = append(tensors, checkpoint.I64(holderName, []int{len(holders)}, holders),
			checkpoint.F32(controlName, []int{len(holders), len(s.model)}, values))
	}
	file, err := checkpoint.Encode(tensors, map[string]string{"run": s.Run, "round": strconv.Itoa(s.Round)})
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
	s.Run, s.controls = meta["run"], make(map[int][]float32)
	if s.Round, err = strconv.Atoi(meta["round"]); err != nil || s.Round < 0 {
		return s, fmt.Errorf("%w: round %q", train.ErrState, meta["round"])
	}
	find := checkpoint.ByName(tensors)
	model, holders, controls := find[modelName], find[holderName], find[controlName]
	if len(model.Shape) != 1 || len(tensors) != 1 && len(tensors) != 3 {
		return s, fmt.Errorf("%w: %d tensors, model of shape %v", train.ErrState, len(tensors), model.Shape)
	}
	if s.model, err = model.Float32s(); err != nil || len(tensors) == 1 {
		return s, err
	}
	clients, err := holders.Int64s()
	if err != nil {
		return s, err
	}
	values, err := controls.Float32s()
	if err != nil {
		return s, err
	}
	size := len(s.model)
	if len(clients) == 0 || !slices.Equal(controls.Shape, []int{len(clients), size}) {
		return s, fmt.Errorf("%w: controls of shape %v for %d clients", train.ErrState, controls.Shape, len(clients))
	}
	for i, client := range clients {
		if client < 0 || i > 0 && client <= clients[i-1] || client != int64(int(client)) {
			return s, fmt.Errorf("%w: client %d", train.ErrState, client)
		}
		s.controls[int(client)] = values[i*size : (i+1)*size : (i+1)*size]
	}
	return s, nil
}
