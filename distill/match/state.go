package match

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// state is a run after some step: everything that the rest depends on, beside
// what identifies the run.
type state struct {
	step          int
	tiles         []float32
	first, second []float32 // Adam's moments
}

// Names in a state's file.
const (
	tilesTensor  = "tiles"
	firstTensor  = "first"
	secondTensor = "second"
)

// save gives the state to the request's checkpoint function, if there is one.
func (r *run) save() error {
	if r.req.Checkpoint == nil {
		return nil
	}
	shape := []int{len(r.held) * r.perClass, r.tile.C, r.tile.H, r.tile.W}
	file, err := checkpoint.Encode([]checkpoint.Tensor{
		checkpoint.F32(tilesTensor, shape, r.state.tiles), checkpoint.F32(firstTensor, shape, r.state.first), checkpoint.F32(secondTensor, shape, r.state.second),
	}, map[string]string{"request": r.identity(), "step": strconv.Itoa(r.state.step)})
	if err != nil {
		return fmt.Errorf("%s: encode state: %w", r.method.Name(), err)
	}
	return r.req.Checkpoint(file)
}

// decodeState reads a state of the request with the identity, after at most a
// number of steps.
func decodeState(file []byte, identity string, most, values int) (state, error) {
	tensors, meta, err := checkpoint.Decode(file, checkpoint.Limits{Tensors: 3, Rank: 4})
	if err != nil {
		return state{}, fmt.Errorf("%w: %w", distill.ErrState, err)
	}
	step, err := strconv.Atoi(meta["step"])
	if err != nil || step < 0 || step > most || meta["request"] != identity {
		return state{}, fmt.Errorf("%w: step %q", distill.ErrState, meta["step"])
	}
	s, by := state{step: step}, checkpoint.ByName(tensors)
	for name, to := range map[string]*[]float32{tilesTensor: &s.tiles, firstTensor: &s.first, secondTensor: &s.second} {
		if *to, err = by[name].Float32s(); err != nil || len(*to) != values {
			return state{}, fmt.Errorf("%w: %s holds %d values, want %d", distill.ErrState, name, len(*to), values)
		}
		if err := checkpoint.CheckFinite(name, *to); err != nil {
			return state{}, fmt.Errorf("%w: %w", distill.ErrState, err)
		}
	}
	return s, nil
}

// identity is a hash of all that the result depends on.
func (r *run) identity() string {
	if r.id != "" {
		return r.id
	}
	h := sha256.New()
	settings, err := json.Marshal(r.method.Settings())
	if err != nil {
		panic(err) // strings
	}
	fmt.Fprintf(h, "%s %d %s %d %d %+v\n", r.method.Name(), r.method.Version(), settings, r.req.IPC, r.req.Seed, r.formation)
	r.req.Samples.Digest(h)
	r.id = hex.EncodeToString(h.Sum(nil))
	return r.id
}
